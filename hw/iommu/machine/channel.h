/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The line to a qtest client: a socket, or standard input and output.
 */
#ifndef HW_IOMMU_MACHINE_CHANNEL_H
#define HW_IOMMU_MACHINE_CHANNEL_H

#include <poll.h>

#include "hw/iommu/machine/options.h"

/* Bytes in a line, without its end. */
#define CHANNEL_LINE_MAX (36u << 20)

typedef struct Channel Channel;

typedef enum ChannelEvent {
    /* a line is there */
    CHANNEL_LINE,
    /* a line came that was too long, and is lost */
    CHANNEL_TOO_LONG,
    /* the client has gone; the next call waits for another where possible */
    CHANNEL_CLOSED,
    /* the client is silent, but something else has an event */
    CHANNEL_OTHER,
    /* there will be no client any more, or a signal asks to stop */
    CHANNEL_END,
} ChannelEvent;

/* Open what @options says.  Waiting for a client comes later. */
Channel *channel_open(const MachineOptions *options, GError **error);
void channel_free(Channel *channel);

/* Wait for a line, or until one of the @n descriptors in @others has an event.
 * *@line is valid until the next call and may be changed. */
ChannelEvent channel_read(Channel *channel, const struct pollfd *others,
                          unsigned n, char **line, size_t *size);

/* Send all of @text. A client that has gone is noticed by reading. */
void channel_write(Channel *channel, const char *text, size_t size);

#endif
