/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "hw/iommu/common/stream.h"

enum { KIND_SIZE = 8, HEAD_SIZE = 16, DIGEST_SIZE = 32 };

static void digest(const void *data, size_t size, uint8_t out[DIGEST_SIZE])
{
    GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
    gsize n = DIGEST_SIZE;

    g_checksum_update(sum, data, size);
    g_checksum_get_digest(sum, out, &n);
    g_checksum_free(sum);
}

static size_t stream_size(const ViommuStream *s, unsigned words)
{
    return HEAD_SIZE + ((size_t)s->identities + words) * 8 + DIGEST_SIZE;
}

/* Kind, version and number of words. */
static void head(const ViommuStream *s, uint32_t version, unsigned words,
                 uint8_t out[HEAD_SIZE])
{
    uint32_t numbers[2] = { GUINT32_TO_LE(version), GUINT32_TO_LE(words) };

    memset(out, 0, HEAD_SIZE);
    memcpy(out, s->kind, strlen(s->kind));
    memcpy(out + KIND_SIZE, numbers, sizeof(numbers));
}

static uint8_t *put_words(uint8_t *to, const uint64_t *words, size_t n)
{
    for (size_t i = 0; i < n; i++, to += 8) {
        uint64_t le = GUINT64_TO_LE(words[i]);

        memcpy(to, &le, 8);
    }
    return to;
}

GBytes *viommu_stream_save(const ViommuStream *s, const uint64_t *words)
{
    size_t size = stream_size(s, s->words);
    uint8_t *data = g_malloc(size), *at = data + HEAD_SIZE;

    head(s, s->version, s->words, data);
    at = put_words(at, s->identity, s->identities);
    at = put_words(at, words, s->words);
    digest(data, size - DIGEST_SIZE, at);
    return g_bytes_new_take(data, size);
}

bool viommu_stream_refuse(const ViommuStream *s, GError **error,
                          const char *why)
{
    g_set_error(error, VIOMMU_ERROR, VIOMMU_ERROR_STREAM, "%s state: %s",
                s->name, why);
    return false;
}

static uint64_t get_word(const uint8_t *from)
{
    uint64_t le;

    memcpy(&le, from, 8);
    return GUINT64_FROM_LE(le);
}

/* *@words: how many it has. */
static bool check_head(const ViommuStream *s, const uint8_t *data,
                       size_t size, unsigned *words, GError **error)
{
    unsigned oldest = s->version - (s->new_words ? 1 : 0);
    uint8_t expected[HEAD_SIZE];
    uint32_t version;

    head(s, s->version, s->words, expected);
    if (size < HEAD_SIZE) {
        return viommu_stream_refuse(s, error, "shorter than its header");
    }
    if (memcmp(data, expected, KIND_SIZE)) {
        return viommu_stream_refuse(s, error, "of another kind of unit");
    }
    memcpy(&version, data + KIND_SIZE, sizeof(version));
    version = GUINT32_FROM_LE(version);
    if (version < oldest || version > s->version) {
        g_set_error(error, VIOMMU_ERROR, VIOMMU_ERROR_STREAM,
                    "%s state: version %u, allowed are %u to %u", s->name,
                    version, oldest, s->version);
        return false;
    }
    *words = s->words - (version < s->version ? s->new_words : 0);
    head(s, version, *words, expected);
    return !memcmp(data, expected, HEAD_SIZE) ||
           viommu_stream_refuse(s, error, "saved with other options");
}

static bool check(const ViommuStream *s, const uint8_t *data, size_t size,
                  unsigned *words, GError **error)
{
    uint8_t sum[DIGEST_SIZE];

    if (!check_head(s, data, size, words, error)) {
        return false;
    }
    if (size != stream_size(s, *words)) {
        return viommu_stream_refuse(s, error, "of the wrong length");
    }
    for (unsigned i = 0; i < s->identities; i++) {
        if (get_word(data + HEAD_SIZE + 8 * i) != s->identity[i]) {
            return viommu_stream_refuse(s, error, "saved with other options");
        }
    }
    digest(data, size - DIGEST_SIZE, sum);
    if (memcmp(sum, data + size - DIGEST_SIZE, DIGEST_SIZE)) {
        return viommu_stream_refuse(s, error, "damaged");
    }
    return true;
}

uint64_t *viommu_stream_load(const ViommuStream *s, const void *data,
                             size_t size, GError **error)
{
    const uint8_t *from = data;
    unsigned n, lacking;
    uint64_t *words;

    if (!check(s, from, size, &n, error)) {
        return NULL;
    }
    from += HEAD_SIZE + 8 * (size_t)s->identities;
    lacking = s->words - n;
    words = g_new0(uint64_t, s->words);
    for (unsigned i = 0; i < n; i++, from += 8) {
        words[i < s->new_at ? i : i + lacking] = get_word(from);
    }
    return words;
}
