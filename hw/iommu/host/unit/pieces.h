/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a shadow has in the host: pieces, which do not overlap, by address.
 *
 * A guest decides how many there are, so that each takes 16 bytes in a sorted
 * chunk, and chunks of which little is left are put together: 48 bytes for a
 * piece at worst.
 */
#ifndef HW_IOMMU_HOST_UNIT_PIECES_H
#define HW_IOMMU_HOST_UNIT_PIECES_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define VIOMMU_PIECE_TO_BITS    52

/** Addresses and sizes are those of pages of 4 KiB; first is below 2^57, to
 *  below 2^VIOMMU_PIECE_TO_BITS. */
typedef struct ViommuPiece {
    uint64_t first, last;
    uint64_t to;            /* guest-physical */
    uint8_t access;         /* VIOMMU_READ, VIOMMU_WRITE */
} ViommuPiece;

typedef struct ViommuPieces ViommuPieces;

ViommuPieces *viommu_pieces_new(void);
void viommu_pieces_free(ViommuPieces *pieces);
uint64_t viommu_pieces_count(const ViommuPieces *pieces);
/** The lowest one that has a part in [@first, @last], or false. */
bool viommu_pieces_find(const ViommuPieces *pieces, uint64_t first,
                        uint64_t last, ViommuPiece *piece);
/** Nothing is there yet. */
void viommu_pieces_add(ViommuPieces *pieces, const ViommuPiece *piece);
/** The one that begins at @first. */
void viommu_pieces_remove(ViommuPieces *pieces, uint64_t first);
void viommu_pieces_clear(ViommuPieces *pieces);

#endif
