/* SPDX-License-Identifier: BSD-3-Clause */
#include "iasl.h"

#include <string.h>

#include <glib/gstdio.h>

uint8_t table_sum(const GByteArray *table)
{
    uint8_t sum = 0;

    for (unsigned i = 0; i < table->len; i++) {
        sum += table->data[i];
    }
    return sum;
}

char *iasl_listing(const GByteArray *table)
{
    g_autofree char *folder = g_dir_make_tmp("viommu-table-XXXXXX", NULL);
    g_autofree char *aml = g_build_filename(folder, "table.aml", NULL);
    g_autofree char *dsl = g_build_filename(folder, "table.dsl", NULL);
    char *argv[] = { (char *)"iasl", (char *)"-d", aml, NULL };
    g_autoptr(GError) error = NULL;
    g_autofree char *said = NULL;
    g_autofree char *complained = NULL;
    char *listing = NULL;
    int status;

    g_assert_true(g_file_set_contents(aml, (const char *)table->data,
                                      table->len, NULL));
    if (g_spawn_sync(folder, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL,
                     &said, &complained, &status, &error)) {
        g_assert_cmpint(status, ==, 0);
        g_assert_true(g_file_get_contents(dsl, &listing, NULL, NULL));
        g_assert_null(strstr(listing, "Incorrect checksum"));
        g_unlink(dsl);
    } else {
        g_assert_error(error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT);
    }
    g_unlink(aml);
    g_rmdir(folder);
    return listing;
}
