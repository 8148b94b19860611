/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Saved state as a byte stream.  All numbers are little-endian:
 *
 *   8 bytes that name the kind of unit, and its name's end
 *   u32 version, u32 number of words
 *   u64 each word of the identity: must be those of the loader
 *   u64 each word of the state
 *   32 bytes SHA-256 of all that comes before
 *
 * Its length follows from the numbers of words, so that nothing in a
 * damaged stream is trusted.  The digest finds damage, not malice: anybody can
 * make one.  So who loads the words checks each of them.
 */
#ifndef HW_IOMMU_COMMON_STREAM_H
#define HW_IOMMU_COMMON_STREAM_H

#include <hw/iommu/viommu.h>

typedef struct ViommuStream {
    const char *kind;           /* at most 7 characters */
    const char *name;           /* in errors */
    uint32_t version;
    const uint64_t *identity;
    unsigned identities;
    unsigned words;
    /* the version before lacks so many words, at this place: they are 0 */
    unsigned new_words;
    unsigned new_at;
} ViommuStream;

GBytes *viommu_stream_save(const ViommuStream *stream, const uint64_t *words);
/** The words of @data, which the caller frees; or NULL with @error. */
uint64_t *viommu_stream_load(const ViommuStream *stream, const void *data,
                             size_t size, GError **error);
/** For errors that only the words show.  Returns false. */
bool viommu_stream_refuse(const ViommuStream *stream, GError **error,
                          const char *why);

#endif
