/* SPDX-License-Identifier: BSD-3-Clause */
/* What all tests use, and the loop around them. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hw/iommu/host/abi/iommufd.h"
#include "tests/uapi/uapi.h"

static void print_complaint(Uapi *u, const char *format, va_list args)
{
    u->failures++;
    printf("# ");
    vprintf(format, args);
}

void uapi_expect(Uapi *u, long got, long want, const char *format, ...)
{
    va_list args;

    if (got == want) {
        return;
    }
    va_start(args, format);
    print_complaint(u, format, args);
    va_end(args);
    printf(": got %ld (%s), not %ld (%s)\n", got,
           got < 0 ? strerror(-got) : "no error", want,
           want < 0 ? strerror(-want) : "no error");
}

void uapi_check(Uapi *u, bool ok, const char *format, ...)
{
    va_list args;

    if (ok) {
        return;
    }
    va_start(args, format);
    print_complaint(u, format, args);
    va_end(args);
    printf("\n");
}

int uapi_open(Uapi *u, const char *path)
{
    return u->calls.open(u->calls.opaque, path, O_RDWR);
}

void uapi_close(Uapi *u, int fd)
{
    uapi_expect(u, u->calls.close(u->calls.opaque, fd), 0, "close");
}

int uapi_ioctl(Uapi *u, int fd, unsigned long request, void *arg)
{
    return u->calls.ioctl(u->calls.opaque, fd, request, arg);
}

int uapi_iommu(Uapi *u)
{
    int fd = uapi_open(u, "/dev/iommu");

    uapi_check(u, fd >= 0, "open /dev/iommu: %s", fd < 0 ? strerror(-fd) : "");
    return fd;
}

uint32_t uapi_ioas(Uapi *u, int fd)
{
    IommufdIoasAlloc cmd = { .size = sizeof(cmd) };

    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_IOAS_ALLOC, &cmd), 0,
                "IOAS_ALLOC");
    uapi_check(u, cmd.out_ioas_id, "IOAS_ALLOC gave the ID 0");
    return cmd.out_ioas_id;
}

int uapi_destroy(Uapi *u, int fd, uint32_t id)
{
    IommufdDestroy cmd = { .size = sizeof(cmd), .id = id };

    return uapi_ioctl(u, fd, IOMMUFD_DESTROY, &cmd);
}

void uapi_skip(Uapi *u, const char *why)
{
    u->skipped = why;
}

static void run_test(Uapi *u, const UapiTest *test, unsigned number)
{
    u->failures = 0;
    u->skipped = NULL;
    test->run(u);
    if (u->leaks) {
        u->leaks(u);
    }
    printf("%sok %u - %s%s%s\n", u->failures ? "not " : "", number,
           test->name, u->skipped ? " # SKIP " : "",
           u->skipped ? u->skipped : "");
}

int uapi_run(Uapi *u, const UapiTest *const *tests, size_t n_files)
{
    unsigned n = 0, bad = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < n_files; i++) {
        for (const UapiTest *test = tests[i]; test->name; test++) {
            run_test(u, test, ++n);
            bad += u->failures != 0;
        }
    }
    printf("1..%u\n", n);
    return bad != 0;
}
