/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

typedef struct Command {
    const char *name;
    int (*run)(int argc, char **argv);
    int args;
    const char *usage;
} Command;

static const Command commands[] = {
    { "disk", cmd_disk, 4, "LABEL DEVICE MIB SEED" },
    { "check", cmd_check, 3, "FILE MIB SEED" },
    { "net", cmd_net, 4, "ADDRESS PORT MIB SEED" },
    { "serve", cmd_serve, 3, "MIB SEED RESULT-FILE" },
    { "dma", cmd_dma, 3, "LABEL read|write|pass ADDRESS" },
    { "edu", cmd_edu, 2, "LABEL ADDRESS" },
    { "ats", cmd_ats, 0, "" },
    { "regs", cmd_regs, 1, "ADDRESS" },
    { "smmu", cmd_smmu, 1, "ADDRESS" },
    { "sva", cmd_sva, 1, "SEED" },
    { "vfio", cmd_vfio, 2, "PCI-DEVICE SEED" },
};

uint64_t parse_number(const char *what, const char *text)
{
    char *end;
    uint64_t value;

    errno = 0;
    value = strtoull(text, &end, 0);
    if (errno || end == text || *end) {
        fprintf(stderr, "viommu-guest: %s '%s' is not a number\n", what,
                text);
        exit(1);
    }
    return value;
}

uint64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

bool read_all(int fd, void *buf, size_t size)
{
    char *p = buf;

    while (size) {
        ssize_t n = read(fd, p, size);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        p += n;
        size -= n;
    }
    return true;
}

bool write_all(int fd, const void *buf, size_t size)
{
    const char *p = buf;

    while (size) {
        ssize_t n = write(fd, p, size);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        p += n;
        size -= n;
    }
    return true;
}

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        const Command *c = &commands[i];

        if (argc < 2 || strcmp(argv[1], c->name)) {
            continue;
        }
        if (argc - 2 != c->args) {
            fprintf(stderr, "usage: viommu-guest %s %s\n", c->name, c->usage);
            return 1;
        }
        return c->run(argc - 2, argv + 2);
    }
    fprintf(stderr, "viommu-guest: unknown command '%s'\n",
            argc > 1 ? argv[1] : "");
    return 1;
}
