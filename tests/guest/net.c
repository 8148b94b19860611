/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The network test.  The guest connects through its network card to a
 * forwarded address of QEMU's user network, behind which QEMU starts "serve"
 * with a socket as standard input and output; no packet leaves the process.
 * The guest sends MIB of data, then receives as much; each end checks what
 * came in and tells its checksum.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest.h"
#include "pattern.h"

#define MIB     (1024 * 1024ull)
#define CHUNK   (64 * 1024)
#define WORDS   (CHUNK / sizeof(uint64_t))

/* The two directions carry different data. */
#define REPLY_SEED(seed) ((seed) ^ 0x5deece66d1234567ull)

typedef struct Flow {
    uint64_t sum;
    uint64_t wrong;
    uint64_t bytes;
} Flow;

static bool send_flow(int fd, uint64_t size, uint64_t seed, Flow *flow)
{
    static uint64_t buf[WORDS];

    *flow = (Flow) { .sum = PATTERN_SUM_START };
    for (; flow->bytes < size; flow->bytes += CHUNK) {
        pattern_fill(buf, WORDS, seed, flow->bytes / 8);
        flow->sum = pattern_sum(flow->sum, buf, WORDS);
        if (!write_all(fd, buf, CHUNK)) {
            return false;
        }
    }
    return true;
}

static bool receive_flow(int fd, uint64_t size, uint64_t seed, Flow *flow)
{
    static uint64_t buf[WORDS];

    *flow = (Flow) { .sum = PATTERN_SUM_START };
    for (; flow->bytes < size; flow->bytes += CHUNK) {
        if (!read_all(fd, buf, CHUNK)) {
            return false;
        }
        flow->wrong += pattern_differences(buf, WORDS, seed,
                                           flow->bytes / 8);
        flow->sum = pattern_sum(flow->sum, buf, WORDS);
    }
    return true;
}

static void report(FILE *f, const Flow *out, const Flow *in, uint64_t start)
{
    fprintf(f, "net sent=%" PRIu64 " received=%" PRIu64 " wrong=%" PRIu64
            " sentsum=%016" PRIx64 " receivedsum=%016" PRIx64
            " ms=%" PRIu64 "\n", out->bytes, in->bytes, in->wrong, out->sum,
            in->sum, now_ms() - start);
}

int cmd_net(int argc, char **argv)
{
    struct sockaddr_in to = { .sin_family = AF_INET };
    uint64_t size = parse_number("MIB", argv[2]) * MIB;
    uint64_t seed = parse_number("SEED", argv[3]);
    uint64_t start = now_ms();
    Flow out, in = { 0 };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    (void)argc;
    to.sin_port = htons(parse_number("PORT", argv[1]));
    if (inet_pton(AF_INET, argv[0], &to.sin_addr) != 1) {
        printf("net error=address\n");
        return 1;
    }
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to))) {
        printf("net error=connect-%s\n", strerror(errno));
        return 1;
    }
    if (!send_flow(fd, size, seed, &out) ||
        !receive_flow(fd, size, REPLY_SEED(seed), &in)) {
        printf("net error=transfer sent=%" PRIu64 " received=%" PRIu64 "\n",
               out.bytes, in.bytes);
        return 1;
    }
    report(stdout, &out, &in, start);
    close(fd);
    return in.wrong ? 1 : 0;
}

int cmd_serve(int argc, char **argv)
{
    uint64_t size = parse_number("MIB", argv[0]) * MIB;
    uint64_t seed = parse_number("SEED", argv[1]);
    uint64_t start = now_ms();
    FILE *result = fopen(argv[2], "w");
    Flow out = { 0 }, in;
    bool ok;

    (void)argc;
    if (!result) {
        return 1;
    }
    ok = receive_flow(STDIN_FILENO, size, seed, &in) &&
         send_flow(STDOUT_FILENO, size, REPLY_SEED(seed), &out);
    report(result, &out, &in, start);
    return fclose(result) || !ok || in.wrong ? 1 : 0;
}
