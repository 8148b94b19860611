/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * QEMU's qtest protocol: the commands.
 */
#include <string.h>

#include "hw/iommu/machine/host/passthrough.h"
#include "hw/iommu/machine/qtest.h"
#include "hw/iommu/machine/words.h"

#define WORDS_MAX    5
#define MEMSET_PART  4096
#define SECOND_NS    1000000000ll
/* Of a command that is repeated in an answer. */
#define ECHO_MAX     64

typedef struct Command Command;

/* One line, in words; those that are not there are "". */
typedef struct Call {
    Qtest *qtest;
    const Command *command;
    const char *word[WORDS_MAX];
    GString *out;
} Call;

struct Command {
    const char *name;
    /* allowed number of words after the name */
    unsigned min, max;
    void (*run)(Call *call);
    /* for families of commands: bytes of an access */
    unsigned size;
};

G_GNUC_PRINTF(2, 3)
static void call_fail(Call *call, const char *format, ...)
{
    va_list args;

    g_string_append_printf(call->out, "FAIL %s: ", call->command->name);
    va_start(args, format);
    g_string_append_vprintf(call->out, format, args);
    va_end(args);
    g_string_append_c(call->out, '\n');
}

static void call_ok(Call *call)
{
    g_string_append(call->out, "OK\n");
}

/* Word @n as a number up to @max, or answer that it is not one. */
static bool call_number(Call *call, unsigned n, uint64_t max,
                        uint64_t *value)
{
    if (!option_number(call->word[n], max, value)) {
        call_fail(call, "argument %u is not a number from 0 to 0x%"
                  G_GINT64_MODIFIER "x", n, max);
        return false;
    }
    return true;
}

/* Words 1 and 2 as an address and a number of bytes. */
static bool call_range(Call *call, uint64_t max, uint64_t *addr,
                       uint64_t *size)
{
    if (!call_number(call, 1, UINT64_MAX, addr) ||
        !call_number(call, 2, max, size)) {
        return false;
    }
    if (*size && *size - 1 > UINT64_MAX - *addr) {
        call_fail(call, "the range goes beyond 64 bits");
        return false;
    }
    return true;
}

/* --- Ports and memory, one access ---------------------------------------- */

static void run_in(Call *call)
{
    uint64_t port;

    if (call_number(call, 1, UINT16_MAX, &port)) {
        g_string_append_printf(call->out, "OK 0x%04x\n",
                               board_port_read(call->qtest->board, port,
                                               call->command->size));
    }
}

static void run_out(Call *call)
{
    uint64_t port, value;

    if (call_number(call, 1, UINT16_MAX, &port) &&
        call_number(call, 2, UINT64_MAX, &value)) {
        board_port_write(call->qtest->board, port, call->command->size,
                         value);
        call_ok(call);
    }
}

static void run_read_value(Call *call)
{
    uint64_t addr, size = call->command->size, value = 0;

    if (call_number(call, 1, UINT64_MAX - (size - 1), &addr)) {
        bus_read(call->qtest->board->bus, addr, &value, size);
        g_string_append_printf(call->out,
                               "OK 0x%016" G_GINT64_MODIFIER "x\n",
                               GUINT64_FROM_LE(value));
    }
}

static void run_write_value(Call *call)
{
    uint64_t addr, size = call->command->size, value;

    if (call_number(call, 1, UINT64_MAX - (size - 1), &addr) &&
        call_number(call, 2, UINT64_MAX, &value)) {
        value = GUINT64_TO_LE(value);
        bus_write(call->qtest->board->bus, addr, &value, size);
        call_ok(call);
    }
}

/* --- Memory, many bytes -------------------------------------------------- */

static bool hex_digit(char c, uint8_t *digit)
{
    int value = g_ascii_xdigit_value(c);

    *digit = value & 0xf;
    return value >= 0;
}

static void run_read(Call *call)
{
    static const char digits[] = "0123456789abcdef";
    g_autofree uint8_t *data = NULL;
    uint64_t addr, size;
    char *at;
    gsize from;

    if (!call_range(call, QTEST_DATA_MAX, &addr, &size)) {
        return;
    }
    if (!size) {
        call_fail(call, "there is no answer to 0 bytes");
        return;
    }
    data = g_malloc(size);
    bus_read(call->qtest->board->bus, addr, data, size);
    g_string_append(call->out, "OK 0x");
    from = call->out->len;
    g_string_set_size(call->out, from + 2 * size);
    at = call->out->str + from;
    for (uint64_t i = 0; i < size; i++) {
        *at++ = digits[data[i] >> 4];
        *at++ = digits[data[i] & 0xf];
    }
    g_string_append_c(call->out, '\n');
}

static void run_write(Call *call)
{
    const char *hex = call->word[3];
    g_autofree uint8_t *data = NULL;
    uint64_t addr, size;
    size_t bytes;

    if (!call_range(call, QTEST_DATA_MAX, &addr, &size)) {
        return;
    }
    if (hex[0] != '0' || hex[1] != 'x' || !hex[2]) {
        call_fail(call, "argument 3 does not start with 0x and a digit");
        return;
    }
    hex += 2;
    bytes = MIN(strlen(hex) / 2, size);
    /* Fewer digits than bytes: the rest is zero. */
    data = g_malloc0(size + 1);
    for (size_t i = 0; i < bytes; i++) {
        uint8_t high, low;

        if (!hex_digit(hex[2 * i], &high) ||
            !hex_digit(hex[2 * i + 1], &low)) {
            call_fail(call, "argument 3 is not hexadecimal");
            return;
        }
        data[i] = high << 4 | low;
    }
    bus_write(call->qtest->board->bus, addr, data, size);
    call_ok(call);
}

static void run_b64read(Call *call)
{
    g_autofree uint8_t *data = NULL;
    g_autofree char *text = NULL;
    uint64_t addr, size;

    if (!call_range(call, QTEST_DATA_MAX, &addr, &size)) {
        return;
    }
    data = g_malloc(size + 1);
    bus_read(call->qtest->board->bus, addr, data, size);
    text = g_base64_encode(data, size);
    g_string_append_printf(call->out, "OK %s\n", text);
}

static void run_b64write(Call *call)
{
    g_autofree uint8_t *data = NULL;
    uint64_t addr, size;
    gsize bytes;

    if (!call_range(call, QTEST_DATA_MAX, &addr, &size)) {
        return;
    }
    data = g_base64_decode(call->word[3], &bytes);
    bus_write(call->qtest->board->bus, addr, data, MIN(bytes, size));
    call_ok(call);
}

static void run_memset(Call *call)
{
    uint8_t part[MEMSET_PART];
    uint64_t addr, size, value;

    if (!call_range(call, QTEST_MEMSET_MAX, &addr, &size) ||
        !call_number(call, 3, UINT64_MAX, &value)) {
        return;
    }
    memset(part, value, sizeof(part));
    while (size) {
        uint64_t n = MIN(size, sizeof(part));

        bus_write(call->qtest->board->bus, addr, part, n);
        addr += n;
        size -= n;
    }
    call_ok(call);
}

static void run_endianness(Call *call)
{
    g_string_append(call->out, "OK little\n");
}

/* --- Time and interrupts ------------------------------------------------- */

static void answer_clock(Call *call, const char *word)
{
    g_string_append_printf(call->out, "%s %" G_GINT64_FORMAT "\n", word,
                           call->qtest->clock);
}

static void run_clock_step(Call *call)
{
    int64_t now = call->qtest->clock;
    /* Without a number to the next deadline: q35's clock ticks each second. */
    uint64_t step = SECOND_NS - now % SECOND_NS;

    if (*call->word[1] && !call_number(call, 1, INT64_MAX, &step)) {
        return;
    }
    if (!step || step > (uint64_t)(INT64_MAX - SECOND_NS - now)) {
        g_string_append(call->out, "FAIL could not advance time\n");
        return;
    }
    call->qtest->clock += step;
    answer_clock(call, "OK");
}

static void run_clock_set(Call *call)
{
    uint64_t to;

    if (!call_number(call, 1, INT64_MAX - SECOND_NS, &to)) {
        return;
    }
    /* Never back. */
    call->qtest->clock = MAX(call->qtest->clock, (int64_t)to);
    answer_clock(call, call->qtest->clock == (int64_t)to ? "OK" : "FAIL");
}

/* Interrupts of this board are messages; no line is ever raised. */
static void run_intercept(Call *call)
{
    call_ok(call);
}

static void run_viommu_irq(Call *call)
{
    GString *list = g_string_new(NULL);
    ViommuSink *sink = call->qtest->board->sink;
    uint32_t source;
    unsigned count = 0;
    ViommuMsi msi;

    while (viommu_sink_pop(sink, &source, &msi)) {
        g_string_append_printf(list, " 0x%x:0x%" G_GINT64_MODIFIER "x:0x%x",
                               source, msi.addr, msi.data);
        count++;
    }
    g_string_append_printf(call->out, "OK %u%s\n", count, list->str);
    g_string_free(list, TRUE);
}

/* Hosts of devices that are passed through. */
static void run_viommu_host(Call *call)
{
    Board *board = call->qtest->board;
    GString *text = g_string_new(NULL);
    const char *what = call->word[1], *why = "not fail, late, pull, unplug or "
                                              "usage";

    if (!strcmp(what, "usage")) {
        why = passthrough_usage(board, text);
    } else if (!strcmp(what, "fail")) {
        why = passthrough_fail(board, call->word[2]);
    } else if (!strcmp(what, "late")) {
        why = passthrough_late(board, call->word[2], call->word[3]);
    } else if (!strcmp(what, "pull")) {
        why = passthrough_pull(board, call->word[2]);
    } else if (!strcmp(what, "unplug")) {
        why = passthrough_unplug(board, call->word[2]);
    }
    if (why) {
        call_fail(call, "%s", why);
    } else {
        g_string_append_printf(call->out, "OK%s%s\n", text->len ? " " : "",
                               text->str);
    }
    g_string_free(text, TRUE);
}

/* --- Lines --------------------------------------------------------------- */

static const Command commands[] = {
    { "inb", 1, 1, run_in, 1 },
    { "inw", 1, 1, run_in, 2 },
    { "inl", 1, 1, run_in, 4 },
    { "outb", 2, 2, run_out, 1 },
    { "outw", 2, 2, run_out, 2 },
    { "outl", 2, 2, run_out, 4 },
    { "readb", 1, 1, run_read_value, 1 },
    { "readw", 1, 1, run_read_value, 2 },
    { "readl", 1, 1, run_read_value, 4 },
    { "readq", 1, 1, run_read_value, 8 },
    { "writeb", 2, 2, run_write_value, 1 },
    { "writew", 2, 2, run_write_value, 2 },
    { "writel", 2, 2, run_write_value, 4 },
    { "writeq", 2, 2, run_write_value, 8 },
    { "read", 2, 2, run_read, 0 },
    { "write", 3, 3, run_write, 0 },
    { "b64read", 2, 2, run_b64read, 0 },
    { "b64write", 3, 3, run_b64write, 0 },
    { "memset", 3, 3, run_memset, 0 },
    { "endianness", 0, 0, run_endianness, 0 },
    { "clock_step", 0, 1, run_clock_step, 0 },
    { "clock_set", 1, 1, run_clock_set, 0 },
    { "irq_intercept_in", 1, 2, run_intercept, 0 },
    { "irq_intercept_out", 1, 2, run_intercept, 0 },
    { "viommu-host", 1, 3, run_viommu_host, 0 },
    { "viommu-irq", 0, 0, run_viommu_irq, 0 },
};

/* Cut @line into words.  Returns their number, WORDS_MAX + 1 for more. */
static unsigned split(char *line, const char *word[WORDS_MAX])
{
    unsigned n = 0;

    for (unsigned i = 0; i < WORDS_MAX; i++) {
        word[i] = "";
    }
    for (;;) {
        line += strspn(line, " ");
        if (!*line) {
            return n;
        }
        if (n == WORDS_MAX) {
            return n + 1;
        }
        word[n++] = line;
        line += strcspn(line, " ");
        if (*line) {
            *line++ = 0;
        }
    }
}

void qtest_command(Qtest *qtest, char *line, GString *out)
{
    Call call = {
        .qtest = qtest,
        .out = out,
    };
    unsigned n = split(line, call.word);

    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        const Command *command = &commands[i];

        if (strcmp(command->name, call.word[0])) {
            continue;
        }
        call.command = command;
        if (n < command->min + 1 || n > command->max + 1) {
            call_fail(&call, "wrong number of arguments");
        } else {
            command->run(&call);
        }
        return;
    }
    g_string_append_printf(out, "FAIL Unknown command '%.*s'\n", ECHO_MAX,
                           call.word[0]);
}
