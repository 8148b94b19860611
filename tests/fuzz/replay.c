/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Run the fuzz target on files, and on each file of a folder:
 *
 *   fuzz-replay PATH...
 *   fuzz-replay --random COUNT [SEED]
 *
 * Needs no libFuzzer.  A failed check or a crash ends the process, and the file
 * is the last one named on standard error.
 */
#include "input.h"

#include <glib.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static unsigned inputs;

static bool run_file(const char *path)
{
    GError *error = NULL;
    gchar *data = NULL;
    gsize size = 0;

    if (!g_file_get_contents(path, &data, &size, &error)) {
        fprintf(stderr, "%s: %s\n", path, error->message);
        g_error_free(error);
        return false;
    }
    fprintf(stderr, "%s\n", path);
    LLVMFuzzerTestOneInput((const uint8_t *)data, size);
    inputs++;
    g_free(data);
    return true;
}

static bool run_folder(const char *path)
{
    GError *error = NULL;
    GDir *dir = g_dir_open(path, 0, &error);
    const char *name;
    bool ok = true;

    if (!dir) {
        fprintf(stderr, "%s: %s\n", path, error->message);
        g_error_free(error);
        return false;
    }
    while ((name = g_dir_read_name(dir))) {
        gchar *file = g_build_filename(path, name, NULL);

        ok = run_file(file) && ok;
        g_free(file);
    }
    g_dir_close(dir);
    return ok;
}

static void run_random(guint64 count, guint32 seed)
{
    GRand *rand = g_rand_new_with_seed(seed);
    uint8_t data[1024];

    for (guint64 i = 0; i < count; i++) {
        size_t size = (size_t)g_rand_int(rand) % sizeof(data);

        for (size_t k = 0; k < size; k++) {
            data[k] = (uint8_t)g_rand_int(rand);
        }
        LLVMFuzzerTestOneInput(data, size);
        inputs++;
    }
    g_rand_free(rand);
}

int main(int argc, char **argv)
{
    bool ok = argc > 1;

    if (argc > 2 && !strcmp(argv[1], "--random")) {
        guint64 count = g_ascii_strtoull(argv[2], NULL, 10);
        guint64 seed = argc > 3 ? g_ascii_strtoull(argv[3], NULL, 10) : 1;

        run_random(count, (guint32)seed);
    } else {
        for (int i = 1; i < argc; i++) {
            ok = (g_file_test(argv[i], G_FILE_TEST_IS_DIR)
                      ? run_folder(argv[i]) : run_file(argv[i])) && ok;
        }
    }
    printf("%u inputs\n", inputs);
    return ok && inputs ? 0 : 1;
}
