/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * QEMU's monitor (QMP), for tests that plug devices, or that save and load a
 * machine.
 */
#ifndef TESTS_QTEST_MONITOR_H
#define TESTS_QTEST_MONITOR_H

#include <stdbool.h>

/** The connection to one machine's monitor. */
typedef struct Monitor {
    int listener;
    int fd;
    char *options;
} Monitor;

/** The option of the machine, which then connects; it begins with a space. */
const char *monitor_options(Monitor *m);
/** Take the connection of the machine that was started with it. */
void monitor_accept(Monitor *m);
/** Give a command, and wait until an answer, or an event, has @text. */
void monitor_command(Monitor *m, const char *command, const char *text);
/** Give a command; whether the answer has @text. */
bool monitor_says(Monitor *m, const char *command, const char *text);
/** Wait until the monitor has told of this. */
void monitor_await(Monitor *m, const char *text);
void monitor_end(Monitor *m);

#endif
