/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu-machine: a board with IOMMUs, in one process, for tests.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "hw/iommu/machine/board.h"
#include "hw/iommu/machine/channel.h"
#include "hw/iommu/machine/qtest.h"

/* One line, whatever is in the user's arguments. */
static int report(GError *error)
{
    g_autofree char *text = g_strdup(error->message);

    for (char *at = text; *at; at++) {
        if (g_ascii_iscntrl(*at)) {
            *at = '?';
        }
    }
    fprintf(stderr, "viommu-machine: %s\n", text);
    g_error_free(error);
    return EXIT_FAILURE;
}

static FILE *open_log(const char *path, GError **error)
{
    FILE *log = fopen(path, "we");

    if (!log) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "-qtest-log %s: %s", path, g_strerror(errno));
    }
    return log;
}

static bool dump(const Board *board, const char *path, GError **error)
{
    const char *word = board->kind == MACHINE_Q35 ? "dmar" : "iort";

    if (!board->table) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "-machine dump-%s=%s: there is no unit", word, path);
        return false;
    }
    if (!g_file_set_contents(path, (const char *)board->table->data,
                             board->table->len, error)) {
        g_prefix_error(error, "-machine dump-%s=%s: ", word, path);
        return false;
    }
    return true;
}

/* Build what @options asks for and serve clients. */
static int run(const MachineOptions *options)
{
    GError *error = NULL;
    Channel *channel = NULL;
    FILE *log = NULL;
    Board *board = board_new(options, &error);

    if (board && options->dump_table) {
        dump(board, options->dump_table, &error);
        board_free(board);
        return error ? report(error) : EXIT_SUCCESS;
    }
    if (board && options->log_path) {
        log = open_log(options->log_path, &error);
    }
    if (board && !error) {
        channel = channel_open(options, &error);
    }
    if (channel) {
        qtest_serve(board, channel, log);
    }
    channel_free(channel);
    if (log) {
        fclose(log);
    }
    board_free(board);
    return error ? report(error) : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    GError *error = NULL;
    MachineOptions options;
    int status = EXIT_SUCCESS;

    switch (machine_options_parse(argc, argv, &options, &error)) {
    case OPTIONS_RUN:
        status = run(&options);
        break;
    case OPTIONS_DONE:
        break;
    case OPTIONS_ERROR:
        status = report(error);
        break;
    }
    machine_options_clear(&options);
    return status;
}
