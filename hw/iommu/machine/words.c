/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <glib.h>

#include "hw/iommu/machine/words.h"

char *option_next(const char **rest)
{
    const char *at = *rest;
    GString *item;

    if (!*at) {
        return NULL;
    }
    item = g_string_new(NULL);
    while (*at && (*at != ',' || at[1] == ',')) {
        at += *at == ',' ? 1 : 0;
        g_string_append_c(item, *at++);
    }
    *rest = *at ? at + 1 : at;
    return g_string_free(item, FALSE);
}

bool option_bool(const char *text, bool *value)
{
    static const char *const on[] = { "on", "yes", "true", "y", NULL };
    static const char *const off[] = { "off", "no", "false", "n", NULL };

    if (g_strv_contains(on, text)) {
        *value = true;
        return true;
    }
    *value = false;
    return g_strv_contains(off, text);
}

bool option_number(const char *text, uint64_t max, uint64_t *value)
{
    guint64 number;
    char *end;

    /* no sign, no space: those would pass g_ascii_strtoull() */
    if (!g_ascii_isdigit(*text)) {
        return false;
    }
    errno = 0;
    number = g_ascii_strtoull(text, &end, 0);
    if (errno || *end || number > max) {
        return false;
    }
    *value = number;
    return true;
}
