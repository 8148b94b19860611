/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * QEMU's qtest protocol: the loop around the commands, and the log.
 */
#include <string.h>

#include "hw/iommu/machine/host/passthrough.h"
#include "hw/iommu/machine/qtest.h"

/* A line in the log is cut after this; it may be megabytes long. */
#define LOG_LINE_MAX 1024
/* What an answer's buffer may keep for the next one. */
#define KEEP_MAX     (1u << 20)

static void log_line(FILE *log, GTimer *timer, char mark, const char *line,
                     size_t size)
{
    if (log) {
        bool cut = size > LOG_LINE_MAX;

        fprintf(log, "[%c +%.06f] %.*s%s\n", mark,
                g_timer_elapsed(timer, NULL),
                (int)MIN(size, LOG_LINE_MAX), line, cut ? " ..." : "");
        fflush(log);
    }
}

/* The answer to one event that is a line. */
static void answer(Qtest *qtest, ChannelEvent event, char *line, size_t size,
                   GString *out)
{
    if (event == CHANNEL_TOO_LONG) {
        g_string_append_printf(out, "FAIL a line of more than %u bytes\n",
                               CHANNEL_LINE_MAX);
    } else if (memchr(line, 0, size)) {
        g_string_append(out, "FAIL a line with a zero byte\n");
    } else {
        qtest_command(qtest, line, out);
    }
}

/* Wait for a client's next line, or for what a host has to say. */
static ChannelEvent next_event(Board *board, Channel *channel, GArray *fds,
                               char **line, size_t *size)
{
    g_array_set_size(fds, 0);
    passthrough_fds(board, fds);
    return channel_read(channel, (struct pollfd *)(void *)fds->data, fds->len,
                        line, size);
}

void qtest_serve(Board *board, Channel *channel, FILE *log)
{
    Qtest qtest = { .board = board };
    g_autoptr(GTimer) timer = g_timer_new();
    GArray *fds = g_array_new(FALSE, FALSE, sizeof(struct pollfd));
    GString *out = g_string_new(NULL);
    ChannelEvent event;
    char *line;
    size_t size;

    while ((event = next_event(board, channel, fds, &line, &size)) !=
           CHANNEL_END) {
        if (event == CHANNEL_CLOSED) {
            continue;
        }
        if (event == CHANNEL_OTHER) {
            board_run(board);
            continue;
        }
        if (event == CHANNEL_LINE) {
            log_line(log, timer, 'R', line, size);
        }
        answer(&qtest, event, line, size, out);
        channel_write(channel, out->str, out->len);
        log_line(log, timer, 'S', out->str, out->len - 1);
        if (out->allocated_len > KEEP_MAX) {
            g_string_free(out, TRUE);
            out = g_string_new(NULL);
        }
        g_string_truncate(out, 0);
        /* What was put off is done before the next command is looked at. */
        board_run(board);
    }
    g_string_free(out, TRUE);
    g_array_free(fds, TRUE);
}
