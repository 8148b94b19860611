/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The conformance program for /dev/iommu and VFIO's devices: what a host
 * kernel answers, errors above all.  It runs on the simulated host and on
 * Linux; everything that it does goes through one table of system calls.  It
 * needs nothing but the C library.
 */
#ifndef TESTS_UAPI_UAPI_H
#define TESTS_UAPI_UAPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** How long what a host does by itself may take on a busy machine. */
enum { UAPI_PATIENCE_MS = 20000 };

/** Errors are negative errnos. */
typedef struct UapiCalls {
    int (*open)(void *opaque, const char *path, int flags);
    int (*close)(void *opaque, int fd);
    int (*ioctl)(void *opaque, int fd, unsigned long request, void *arg);
    ssize_t (*read)(void *opaque, int fd, void *buf, size_t size);
    ssize_t (*write)(void *opaque, int fd, const void *buf, size_t size);
    ssize_t (*pread)(void *opaque, int fd, void *buf, size_t size,
                     uint64_t offset);
    ssize_t (*pwrite)(void *opaque, int fd, const void *buf, size_t size,
                      uint64_t offset);
    int (*mmap)(void *opaque, void **map, size_t size, int prot, int flags,
                int fd, uint64_t offset);
    void *opaque;
} UapiCalls;

/** The user API for guests' tables on top of containers: its form. */
typedef enum UapiVsva {
    UAPI_NO_VSVA,
    UAPI_VSVA_MERGED,
    UAPI_VSVA_VERSIONED,
} UapiVsva;

/** The host's IOMMU. */
typedef enum UapiArch {
    UAPI_ANY_ARCH,
    UAPI_VTD,
    UAPI_SMMUV3,
} UapiArch;

typedef struct Uapi {
    UapiCalls calls;
    UapiArch arch;
    bool flat;              /* it has no guests' tables */
    /* devices' own files, or NULL; the first two are viommu-testdevs in
     * groups of their own */
    const char *device[2];
    /* their groups, and their names in them; or NULL */
    const char *group[2];
    const char *name[2];
    UapiVsva vsva;
    /* After each test: objects and memory that are still in use, or NULL. */
    void (*leaks)(struct Uapi *u);
    unsigned failures;      /* of the test that runs */
    const char *skipped;    /* why, or NULL */
} Uapi;

typedef struct UapiTest {
    const char *name;
    void (*run)(Uapi *u);
} UapiTest;

/** Runs all tests, or those of @files; prints TAP.  0 when all is well. */
int uapi_main(Uapi *u);
int uapi_run(Uapi *u, const UapiTest *const *files, size_t n);

/** Each file's tests, ended by one without a name; those of SMMUv3, and those
 *  in lists of their own for VT-d, are left out with the other, and on a flat
 *  IOMMU. */
extern const UapiTest uapi_dispatch_tests[];
extern const UapiTest uapi_objects_tests[];
extern const UapiTest uapi_ioas_tests[];
extern const UapiTest uapi_hwpt_tests[];
extern const UapiTest uapi_hwpt_vtd_tests[];
extern const UapiTest uapi_vfio_tests[];
extern const UapiTest uapi_misc_tests[];
extern const UapiTest uapi_misc_vtd_tests[];
extern const UapiTest uapi_dma_tests[];
extern const UapiTest uapi_dma_vtd_tests[];
extern const UapiTest uapi_dirty_tests[];
extern const UapiTest uapi_fault_tests[];
extern const UapiTest uapi_fault_vtd_tests[];
extern const UapiTest uapi_smmu_tests[];
extern const UapiTest uapi_smmu_event_tests[];
extern const UapiTest uapi_container_tests[];
extern const UapiTest uapi_type1_tests[];
extern const UapiTest uapi_compat_tests[];
extern const UapiTest uapi_vsva_tests[];
extern const UapiTest uapi_vsva_invalidate_tests[];
extern const UapiTest uapi_vsva_fault_tests[];

/* --- For tests ----------------------------------------------------------- */

/** A complaint unless @got is @want; both may be negative errnos. */
void uapi_expect(Uapi *u, long got, long want, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void uapi_check(Uapi *u, bool ok, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** The test cannot run here. */
void uapi_skip(Uapi *u, const char *why);

int uapi_open(Uapi *u, const char *path);
void uapi_close(Uapi *u, int fd);
int uapi_ioctl(Uapi *u, int fd, unsigned long request, void *arg);

/** /dev/iommu. */
int uapi_iommu(Uapi *u);
uint32_t uapi_ioas(Uapi *u, int fd);
int uapi_destroy(Uapi *u, int fd, uint32_t id);

#endif
