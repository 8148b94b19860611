/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <glib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/qtest/monitor.h"

/* Longest time between two signs of life, in seconds. */
#define ANSWER_TIMEOUT 60

const char *monitor_options(Monitor *m)
{
    struct sockaddr_in addr = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    struct timeval timeout = { .tv_sec = ANSWER_TIMEOUT };
    socklen_t length = sizeof(addr);

    m->fd = -1;
    m->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(m->listener, >=, 0);
    g_assert_cmpint(setsockopt(m->listener, SOL_SOCKET, SO_RCVTIMEO, &timeout,
                               sizeof(timeout)), ==, 0);
    g_assert_cmpint(bind(m->listener, (struct sockaddr *)&addr, length), ==,
                    0);
    g_assert_cmpint(listen(m->listener, 1), ==, 0);
    g_assert_cmpint(getsockname(m->listener, (struct sockaddr *)&addr,
                                &length), ==, 0);
    m->options = g_strdup_printf(" -qmp tcp:127.0.0.1:%u",
                                 ntohs(addr.sin_port));
    return m->options;
}

/* All that it has written up to the line with @text. */
static char *await(Monitor *m, const char *text)
{
    GString *all = g_string_new(NULL);
    const char *at;
    char c;

    /* byte by byte, so that nothing of the next answer is taken */
    while (!(at = strstr(all->str, text)) || !strchr(at, '\n')) {
        if (read(m->fd, &c, 1) != 1) {
            g_error("no %s from the monitor, only %s", text, all->str);
        }
        g_string_append_c(all, c);
    }
    return g_string_free(all, FALSE);
}

void monitor_await(Monitor *m, const char *text)
{
    g_free(await(m, text));
}

static char *ask(Monitor *m, const char *command, const char *text)
{
    size_t n = strlen(command);

    g_assert_cmpint(write(m->fd, command, n), ==, n);
    return await(m, text);
}

void monitor_command(Monitor *m, const char *command, const char *text)
{
    g_free(ask(m, command, text));
}

bool monitor_says(Monitor *m, const char *command, const char *text)
{
    g_autofree char *answer = ask(m, command, "\"return\"");

    return strstr(answer, text) != NULL;
}

void monitor_accept(Monitor *m)
{
    struct timeval timeout = { .tv_sec = ANSWER_TIMEOUT };

    m->fd = accept(m->listener, NULL, NULL);
    g_assert_cmpint(m->fd, >=, 0);
    g_assert_cmpint(setsockopt(m->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout,
                               sizeof(timeout)), ==, 0);
    monitor_await(m, "QMP");
    monitor_command(m, "{\"execute\":\"qmp_capabilities\"}", "\"return\"");
}

void monitor_end(Monitor *m)
{
    close(m->fd);
    close(m->listener);
    g_clear_pointer(&m->options, g_free);
}
