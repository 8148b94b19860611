/* SPDX-License-Identifier: BSD-3-Clause */
#include "stream.h"

#include <string.h>

/*
 * 8 bytes of a name, a 32-bit version, a 32-bit number of words; what must be
 * the same on both sides; the words; a SHA-256.
 */
#define VERSION_AT  8
#define WORDS_AT    12
#define HEAD_SIZE   16
#define DIGEST_SIZE 32

static void digest(TestStream *s)
{
    GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
    gsize n = DIGEST_SIZE;

    g_checksum_update(sum, s->data, (gssize)(s->size - DIGEST_SIZE));
    g_checksum_get_digest(sum, s->data + s->size - DIGEST_SIZE, &n);
    g_checksum_free(sum);
}

static void put32(TestStream *s, gsize at, uint32_t value)
{
    value = GUINT32_TO_LE(value);
    memcpy(s->data + at, &value, sizeof(value));
}

void test_stream_save(TestStream *s, Viommu *unit)
{
    GBytes *bytes = viommu_save(unit);
    uint32_t words;

    s->data = g_bytes_unref_to_data(bytes, &s->size);
    memcpy(&words, s->data + WORDS_AT, sizeof(words));
    s->words = GUINT32_FROM_LE(words);
    g_assert_cmpuint(s->size, >, HEAD_SIZE + 8 * s->words + DIGEST_SIZE);
    s->first = s->size - DIGEST_SIZE - 8 * s->words;
}

void test_stream_free(TestStream *s)
{
    g_free(s->data);
}

uint64_t test_stream_word(const TestStream *s, unsigned i)
{
    uint64_t word;

    g_assert_cmpuint(i, <, s->words);
    memcpy(&word, s->data + s->first + 8 * i, sizeof(word));
    return GUINT64_FROM_LE(word);
}

void test_stream_set(TestStream *s, unsigned i, uint64_t value)
{
    g_assert_cmpuint(i, <, s->words);
    value = GUINT64_TO_LE(value);
    memcpy(s->data + s->first + 8 * i, &value, sizeof(value));
    digest(s);
}

void test_stream_age(TestStream *s, unsigned at, unsigned n)
{
    gsize from = s->first + 8 * (at + n);

    memmove(s->data + s->first + 8 * at, s->data + from, s->size - from);
    s->size -= 8 * n;
    s->words -= n;
    put32(s, VERSION_AT, 1);
    put32(s, WORDS_AT, s->words);
    digest(s);
}

char *test_dump(Viommu *unit)
{
    GString *text = g_string_new(NULL);

    viommu_dump(unit, text);
    return g_string_free(text, FALSE);
}

bool test_stream_load(const TestStream *s, Viommu *unit)
{
    g_autofree char *before = test_dump(unit), *after = NULL;
    GBytes *old = viommu_save(unit), *now;
    /* in a block of its own, so that a sanitizer sees an over-read */
    g_autofree uint8_t *data = g_memdup2(s->data, s->size);
    GError *error = NULL;
    bool ok = viommu_load(unit, data, s->size, &error);

    if (!ok) {
        g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_STREAM);
        g_assert_null(strchr(error->message, '\n'));
        g_clear_error(&error);
        after = test_dump(unit);
        g_assert_cmpstr(before, ==, after);
        now = viommu_save(unit);
        g_assert_true(g_bytes_equal(old, now));
        g_bytes_unref(now);
    }
    g_assert_no_error(error);
    g_bytes_unref(old);
    return ok;
}

void test_stream_must_load(const TestStream *s, Viommu *unit)
{
    GError *error = NULL;

    viommu_load(unit, s->data, s->size, &error);
    g_assert_no_error(error);
}
