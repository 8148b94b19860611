/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The interrupt sink: a ring of messages behind a small register window.
 * Neither QEMU's qtest mode nor a board without a processor has a place
 * where a test could see an interrupt message; this is it.
 */
#include "hw/iommu/viommu-testdev.h"

enum {
    SINK_COUNT    = 0x00,
    SINK_ADDR     = 0x08,
    SINK_DATA     = 0x10,
    SINK_POP      = 0x18,
    SINK_OVERFLOW = 0x20,
    SINK_END      = 0x28,
};

typedef struct SinkMessage {
    ViommuMsi msi;
    uint32_t source;
} SinkMessage;

struct ViommuSink {
    /* a leaf: nothing is called while it is held */
    GMutex lock;
    SinkMessage ring[VIOMMU_SINK_MESSAGES];
    unsigned head;
    unsigned count;
    uint64_t overflow;
};

ViommuSink *viommu_sink_new(void)
{
    ViommuSink *sink = g_new0(ViommuSink, 1);

    g_mutex_init(&sink->lock);
    return sink;
}

void viommu_sink_free(ViommuSink *sink)
{
    if (sink) {
        g_mutex_clear(&sink->lock);
        g_free(sink);
    }
}

void viommu_sink_reset(ViommuSink *sink)
{
    g_mutex_lock(&sink->lock);
    sink->head = 0;
    sink->count = 0;
    sink->overflow = 0;
    g_mutex_unlock(&sink->lock);
}

void viommu_sink_push(ViommuSink *sink, uint32_t source, const ViommuMsi *msi)
{
    g_mutex_lock(&sink->lock);
    if (sink->count == VIOMMU_SINK_MESSAGES) {
        sink->overflow++;
    } else {
        unsigned slot = (sink->head + sink->count) % VIOMMU_SINK_MESSAGES;

        sink->ring[slot] = (SinkMessage) {
            .msi = *msi,
            .source = source,
        };
        sink->count++;
    }
    g_mutex_unlock(&sink->lock);
}

bool viommu_sink_pop(ViommuSink *sink, uint32_t *source, ViommuMsi *msi)
{
    bool found;

    g_mutex_lock(&sink->lock);
    found = sink->count > 0;
    if (found) {
        const SinkMessage *oldest = &sink->ring[sink->head];

        if (source) {
            *source = oldest->source;
        }
        if (msi) {
            *msi = oldest->msi;
        }
        sink->head = (sink->head + 1) % VIOMMU_SINK_MESSAGES;
        sink->count--;
    }
    g_mutex_unlock(&sink->lock);
    return found;
}

/* The 64-bit register at @offset; the lock is held. */
static uint64_t sink_register(const ViommuSink *sink, uint64_t offset)
{
    const SinkMessage *oldest = sink->count ? &sink->ring[sink->head] : NULL;

    switch (offset) {
    case SINK_COUNT:
        return sink->count;
    case SINK_ADDR:
        return oldest ? oldest->msi.addr : 0;
    case SINK_DATA:
        return oldest ? oldest->msi.data | (uint64_t)oldest->source << 32 : 0;
    case SINK_OVERFLOW:
        return sink->overflow;
    default:
        return 0;
    }
}

uint64_t viommu_sink_read(ViommuSink *sink, uint64_t offset, unsigned size)
{
    uint64_t value = 0;

    if (size < 1 || size > 8 || offset >= SINK_END) {
        return 0;
    }
    g_mutex_lock(&sink->lock);
    for (unsigned i = 0; i < size; i++) {
        uint64_t at = offset + i;
        uint64_t byte = sink_register(sink, at & ~7ull) >> (8 * (at & 7));

        value |= (byte & 0xff) << (8 * i);
    }
    g_mutex_unlock(&sink->lock);
    return value;
}

void viommu_sink_write(ViommuSink *sink, uint64_t offset, uint64_t value,
                       unsigned size)
{
    (void)value;
    /* The low half only, so that two 4-byte writes pop one message. */
    if (size >= 1 && size <= 8 && offset == SINK_POP) {
        viommu_sink_pop(sink, NULL, NULL);
    }
}
