/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The conformance program on Linux: /dev/iommu, and the viommu-testdevs with
 * the names that it is given, or else the first two that vfio-pci drives.
 * Before them, "flat" stands for an IOMMU without guests' tables.  It needs
 * root.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/uapi/uapi.h"

#define DEVICES "/sys/bus/pci/drivers/vfio-pci"
#define TESTDEV "0x1234 0x76d0"

/* --- System calls -------------------------------------------------------- */

static ssize_t result(ssize_t value)
{
    return value < 0 ? -errno : value;
}

static int linux_open(void *opaque, const char *path, int flags)
{
    (void)opaque;
    return result(open(path, flags | O_CLOEXEC));
}

static int linux_close(void *opaque, int fd)
{
    (void)opaque;
    return result(close(fd));
}

static int linux_ioctl(void *opaque, int fd, unsigned long request, void *arg)
{
    (void)opaque;
    return result(ioctl(fd, request, arg));
}

static ssize_t linux_read(void *opaque, int fd, void *buf, size_t size)
{
    (void)opaque;
    return result(read(fd, buf, size));
}

static ssize_t linux_write(void *opaque, int fd, const void *buf, size_t size)
{
    (void)opaque;
    return result(write(fd, buf, size));
}

static ssize_t linux_pread(void *opaque, int fd, void *buf, size_t size,
                           uint64_t offset)
{
    (void)opaque;
    return result(pread(fd, buf, size, offset));
}

static ssize_t linux_pwrite(void *opaque, int fd, const void *buf,
                            size_t size, uint64_t offset)
{
    (void)opaque;
    return result(pwrite(fd, buf, size, offset));
}

static int linux_mmap(void *opaque, void **map, size_t size, int prot,
                      int flags, int fd, uint64_t offset)
{
    (void)opaque;
    *map = mmap(NULL, size, prot, flags, fd, offset);
    return *map == MAP_FAILED ? -errno : 0;
}

/* --- What is left -------------------------------------------------------- */

static int descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;

    while (dir && readdir(dir)) {
        n++;
    }
    if (dir) {
        closedir(dir);
    }
    return n;
}

static int descriptors_before;

static void no_leaks(Uapi *u)
{
    FILE *status = fopen("/proc/self/status", "r");
    unsigned long pinned = 0;
    char line[256];

    while (status && fgets(line, sizeof(line), status)) {
        if (sscanf(line, "VmPin: %lu", &pinned) == 1) {
            break;
        }
    }
    if (status) {
        fclose(status);
    }
    uapi_expect(u, pinned, 0, "KiB that are pinned");
    uapi_expect(u, descriptors(), descriptors_before, "descriptors");
}

/* --- The IOMMU ----------------------------------------------------------- */

static bool read_arch(Uapi *u)
{
    DIR *dir = opendir("/sys/class/iommu");
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        if (!strncmp(entry->d_name, "dmar", 4)) {
            u->arch = UAPI_VTD;
        } else if (!strncmp(entry->d_name, "smmu3", 5)) {
            u->arch = UAPI_SMMUV3;
        }
    }
    if (dir) {
        closedir(dir);
    }
    return u->arch != UAPI_ANY_ARCH;
}

/* --- Devices ------------------------------------------------------------- */

static bool read_line(const char *path, char *line, size_t size)
{
    FILE *file = fopen(path, "r");
    bool ok = file && fgets(line, size, file);

    if (file) {
        fclose(file);
    }
    if (ok) {
        line[strcspn(line, "\n")] = '\0';
    }
    return ok;
}

static bool is_testdev(const char *name)
{
    char path[512], vendor[32] = "", device[32] = "", both[80];

    snprintf(path, sizeof(path), DEVICES "/%s/vendor", name);
    read_line(path, vendor, sizeof(vendor));
    snprintf(path, sizeof(path), DEVICES "/%s/device", name);
    read_line(path, device, sizeof(device));
    snprintf(both, sizeof(both), "%s %s", vendor, device);
    return !strcmp(both, TESTDEV);
}

/** Its own file and that of its group. */
static void add_device(Uapi *u, unsigned n, const char *name)
{
    char path[512], target[512], *file = NULL;
    struct dirent *entry;
    ssize_t size;
    DIR *dir;

    snprintf(path, sizeof(path), DEVICES "/%s/vfio-dev", name);
    dir = opendir(path);
    while (dir && (entry = readdir(dir))) {
        if (!strncmp(entry->d_name, "vfio", 4) &&
            asprintf(&file, "/dev/vfio/devices/%s", entry->d_name) > 0) {
            u->device[n] = file;
        }
    }
    if (dir) {
        closedir(dir);
    }
    snprintf(path, sizeof(path), DEVICES "/%s/iommu_group", name);
    size = readlink(path, target, sizeof(target) - 1);
    if (size > 0) {
        target[size] = '\0';
        if (strrchr(target, '/') &&
            asprintf(&file, "/dev/vfio%s", strrchr(target, '/')) > 0 &&
            !access(file, F_OK)) {
            u->group[n] = file;
            u->name[n] = strdup(name);
        }
    }
}

static int not_dot(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void find_devices(Uapi *u)
{
    struct dirent **list;
    int n = scandir(DEVICES, &list, not_dot, alphasort);
    unsigned found = 0;

    for (int i = 0; i < n; i++) {
        if (found < 2 && is_testdev(list[i]->d_name)) {
            add_device(u, found++, list[i]->d_name);
        }
        free(list[i]);
    }
    if (n >= 0) {
        free(list);
    }
}

/** False with a name that vfio-pci does not drive. */
static bool take_devices(Uapi *u, int n, char **names)
{
    for (int i = 0; i < n; i++) {
        if (i >= 2 || !is_testdev(names[i])) {
            printf("Bail out! %s: %s\n", names[i], i < 2 ?
                   "no viommu-testdev of vfio-pci's" : "two devices at most");
            return false;
        }
        add_device(u, i, names[i]);
    }
    if (!n) {
        find_devices(u);
    }
    printf("# devices: %s %s\n", u->device[0] ? u->device[0] : "none",
           u->device[1] ? u->device[1] : "");
    return true;
}

int main(int argc, char **argv)
{
    Uapi u = {
        .calls = {
            .open = linux_open, .close = linux_close, .ioctl = linux_ioctl,
            .read = linux_read, .write = linux_write, .pread = linux_pread,
            .pwrite = linux_pwrite, .mmap = linux_mmap,
        },
        .leaks = no_leaks,
    };

    if (!read_arch(&u)) {
        printf("Bail out! neither a VT-d nor an SMMUv3\n");
        return 1;
    }
    if (access("/dev/iommu", R_OK | W_OK)) {
        printf("Bail out! /dev/iommu: %s\n", strerror(errno));
        return 1;
    }
    u.flat = argc > 1 && !strcmp(argv[1], "flat");
    argv += u.flat;
    argc -= u.flat;
    if (!take_devices(&u, argc - 1, argv + 1)) {
        return 1;
    }
    descriptors_before = descriptors();
    return uapi_main(&u);
}
