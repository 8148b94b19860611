/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command line.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "hw/iommu/machine/bus.h"
#include "hw/iommu/machine/options.h"
#include "hw/iommu/machine/words.h"

#define RAM_DEFAULT (128ull << 20)
#define RAM_MAX     (512ull << 30)
/* QEMU rounds up to this */
#define RAM_ALIGN   8192

#define PROGRAM     "viommu-machine"

typedef struct Option {
    const char *name;
    /* what follows it, or NULL */
    const char *argument;
    const char *help;
    bool (*set)(MachineOptions *options, const char *value, GError **error);
    /* of two, the first would be forgotten */
    bool once;
} Option;

G_GNUC_PRINTF(2, 3)
static bool fail(GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_propagate_error(error, g_error_new_valist(MACHINE_ERROR,
                                                MACHINE_ERROR_OPTION, format,
                                                args));
    va_end(args);
    return false;
}

static bool set_nothing(MachineOptions *options, const char *value,
                        GError **error)
{
    (void)options;
    (void)value;
    (void)error;
    return true;
}

/* "SIZE" or "size=SIZE": MiB, or with a suffix. */
static bool set_memory(MachineOptions *options, const char *value,
                       GError **error)
{
    const char *rest = value;
    g_autofree char *item = option_next(&rest);
    const char *text = item ? item : "";
    guint64 number = 0;
    unsigned shift = 20;
    char *end;

    if (g_str_has_prefix(text, "size=")) {
        text += strlen("size=");
    }
    end = (char *)text;
    if (g_ascii_isdigit(*text)) {
        number = g_ascii_strtoull(text, &end, 10);
        switch (g_ascii_toupper(*end)) {
        case 'B':
            shift = 0;
            end++;
            break;
        case 'K':
            shift = 10;
            end++;
            break;
        case 'M':
            end++;
            break;
        case 'G':
            shift = 30;
            end++;
            break;
        case 'T':
            shift = 40;
            end++;
            break;
        default:
            break;
        }
    }
    if (*end || *rest || number < 1 || number > RAM_MAX >> shift) {
        return fail(error, "expects a size from 1 to 512G (in MiB, or with "
                    "B, K, M, G or T)");
    }
    number <<= shift;
    options->ram_size = (number + RAM_ALIGN - 1) & ~(RAM_ALIGN - 1ull);
    return true;
}

/* The first word, or "type=WORD". */
static bool set_machine_type(MachineOptions *options, const char *type,
                             GError **error)
{
    if (!strcmp(type, "q35")) {
        options->kind = MACHINE_Q35;
        return true;
    }
    options->kind = MACHINE_VIRT;
    return !strcmp(type, "virt") ||
           fail(error, "unsupported machine type '%s', only 'q35' and 'virt' "
                "are there", type);
}

static bool set_dump(MachineOptions *options, const char *name,
                     const char *value, GError **error)
{
    if (!*value) {
        return fail(error, "'%s' expects a file's name, not ''", name);
    }
    if (options->dump_table) {
        return fail(error, "'%s' is given twice", name);
    }
    options->dump_table = g_strdup(value);
    return true;
}

/* Words that change something; *@known says whether @name is one. */
static bool set_machine_word(MachineOptions *options, const char *name,
                             const char *value, bool *known, GError **error)
{
    bool on;

    *known = true;
    if (!strcmp(name, options->kind == MACHINE_Q35 ? "dump-dmar"
                                                   : "dump-iort")) {
        return set_dump(options, name, value, error);
    } else if (!strcmp(name, "iommu") && options->kind == MACHINE_VIRT) {
        options->smmu = !strcmp(value, "smmuv3");
        return options->smmu || !strcmp(value, "none") ||
               fail(error, "'iommu' expects none or smmuv3, not '%s'", value);
    } else if (!strcmp(name, "highmem-ecam") &&
               options->kind == MACHINE_VIRT) {
        if (!option_bool(value, &on)) {
            return fail(error, "'highmem-ecam' expects 'on' or 'off', not "
                        "'%s'", value);
        }
        options->low_ecam = !on;
    } else {
        *known = false;
    }
    return true;
}

static bool set_machine(MachineOptions *options, const char *value,
                        GError **error)
{
    /* words of QEMU's that change nothing on a board without a processor */
    static const char *const ignored[] = {
        "accel", "dump-guest-core", "gic-version", "graphics", "highmem",
        "hpet", "i8042", "its", "kernel-irqchip", "kernel_irqchip",
        "mem-merge", "pic", "pit", "sata", "secure", "smbus", "smm", "usb",
        "virtualization", "vmport", NULL,
    };
    const char *rest = value;
    bool first = true;

    if (!*value) {
        return fail(error, "expects a machine type, 'q35' or 'virt'");
    }
    while (*rest) {
        g_autofree char *item = option_next(&rest);
        char *equals = strchr(item, '=');
        bool is_type = first && (!equals || g_str_has_prefix(item, "type="));
        bool known = false;

        first = false;
        if (is_type) {
            if (options->has_type) {
                return fail(error, "the machine type is given twice");
            }
            if (!set_machine_type(options, equals ? equals + 1 : item,
                                  error)) {
                return false;
            }
            options->has_type = true;
            continue;
        }
        if (equals) {
            *equals = 0;
        }
        if (!set_machine_word(options, item, equals ? equals + 1 : "",
                              &known, error)) {
            return false;
        }
        if (!known && g_strv_contains(ignored, item) && !equals) {
            return fail(error, "'%s' expects a value: %s=VALUE", item, item);
        }
        if (!known && !g_strv_contains(ignored, item)) {
            g_autofree char *all = g_strjoinv(", ", (char **)ignored);

            return fail(error, "Property '%s.%s' not found (known: %s; "
                        "without effect: %s)",
                        options->kind == MACHINE_Q35 ? "q35" : "virt", item,
                        options->kind == MACHINE_Q35 ? "dump-dmar"
                        : "dump-iort, highmem-ecam, iommu", all);
        }
    }
    return true;
}

static bool set_global(MachineOptions *options, const char *value,
                       GError **error)
{
    if (!device_global_check(value, error)) {
        return false;
    }
    g_ptr_array_add(options->globals, g_strdup(value));
    return true;
}

static bool set_accel(MachineOptions *options, const char *value,
                      GError **error)
{
    (void)options;
    return !strcmp(value, "qtest") ||
           fail(error, "invalid accelerator, only 'qtest' is there");
}

static bool set_display(MachineOptions *options, const char *value,
                        GError **error)
{
    (void)options;
    return !strcmp(value, "none") ||
           fail(error, "only 'none' is there");
}

/* "unix:PATH", or "tcp:ADDRESS:PORT" with an address of four numbers. */
static bool set_place(MachineOptions *options, const char *text)
{
    g_auto(GStrv) part = g_strsplit(text, ":", 3);
    struct in_addr address = { 0 };
    uint64_t port = 0;
    bool tcp = part[0] && !strcmp(part[0], "tcp");

    if (tcp ? g_strv_length(part) != 3 ||
              inet_pton(AF_INET, part[1], &address) != 1 ||
              !option_number(part[2], UINT16_MAX, &port) || !port
            : !g_str_has_prefix(text, "unix:") || !text[strlen("unix:")]) {
        return false;
    }
    g_free(options->channel_path);
    options->channel_path = tcp ? NULL : g_strdup(text + strlen("unix:"));
    options->channel_address = address;
    options->channel_port = (uint16_t)port;
    return true;
}

static bool set_qtest(MachineOptions *options, const char *value,
                      GError **error)
{
    const char *rest = value;
    g_autofree char *first = option_next(&rest);
    const char *path = first ? first : "";
    bool server = false, said_server = false;

    if (!strcmp(path, "stdio") && !*rest) {
        options->channel = CHANNEL_STDIO;
        return true;
    }
    if (!set_place(options, path)) {
        return g_str_has_prefix(path, "tcp:")
               ? fail(error, "tcp: expects numbers, an IPv4 address and a port "
                      "from 1 to 65535, such as tcp:127.0.0.1:5555, not '%s'",
                      path + strlen("tcp:"))
               : fail(error, "expects unix:PATH or tcp:ADDRESS:PORT, with "
                      "server=on|off, or stdio, not '%s'", path);
    }
    while (*rest) {
        g_autofree char *item = option_next(&rest);
        char *equals = strchr(item, '=');
        bool on = true;

        if (equals) {
            *equals = 0;
            if (!option_bool(equals + 1, &on)) {
                return fail(error, "'%s' expects 'on' or 'off', not '%s'",
                            item, equals + 1);
            }
        }
        if (!strcmp(item, "server")) {
            if (said_server) {
                return fail(error, "'server' is given twice");
            }
            said_server = true;
            server = on;
        } else if (strcmp(item, "wait") && strcmp(item, "nowait")) {
            return fail(error, "unknown '%s', known are server and wait",
                        item);
        }
    }
    options->channel = server ? CHANNEL_LISTEN : CHANNEL_CONNECT;
    return true;
}

static bool set_log(MachineOptions *options, const char *value,
                    GError **error)
{
    if (!*value) {
        return fail(error, "expects a file's name, or none");
    }
    options->log_path = strcmp(value, "none") ? g_strdup(value) : NULL;
    return true;
}

static const Option option_table[] = {
    { "machine", "q35[,dump-dmar=FILE]", "the addresses of QEMU's q35; write "
      "the DMAR table to FILE and end", set_machine, false },
    { "machine", "virt[,iommu=smmuv3][,highmem-ecam=off][,dump-iort=FILE]",
      "those of virt, with an SMMUv3; write the IORT to FILE and end",
      set_machine, false },
    { "M", "q35[,...]", "the same", set_machine, false },
    { "global", "TYPE.NAME=VALUE", "a property of each device of a type, of "
      "the SMMUv3 (arm-smmuv3) too; the last word wins (-device TYPE,help "
      "lists them)", set_global, false },
    { "cpu", "MODEL", "accepted, without effect", set_nothing, false },
    { "m", "SIZE", "RAM in MiB, or with K, M, G, T (default 128M)",
      set_memory, true },
    { "qtest", "unix:PATH[,server=on|off]", "connect to a qtest client, or "
      "wait for one", set_qtest, true },
    { "qtest", "tcp:ADDRESS:PORT[,server=on|off]", "the same over TCP (IPv4)",
      set_qtest, true },
    { "qtest", "stdio", "talk to it on standard input and output",
      set_qtest, true },
    { "qtest-log", "FILE", "write what is said there (none: nowhere)",
      set_log, true },
    { "accel", "qtest", "accepted, without effect", set_accel, false },
    { "display", "none", "accepted, without effect", set_display, false },
    { "audio", "none", "accepted, without effect", set_display, false },
    { "vga", "none", "accepted, without effect", set_display, false },
    { "serial", "none", "accepted, without effect", set_display, false },
    { "monitor", "none", "accepted, without effect", set_display, false },
    { "nodefaults", NULL, "accepted, without effect", set_nothing, false },
    { "nographic", NULL, "accepted, without effect", set_nothing, false },
    { "S", NULL, "accepted, without effect", set_nothing, false },
};

static void print_help(void)
{
    printf("usage: " PROGRAM " [OPTION]...\n"
           "A board with IOMMUs and endpoints, driven through QEMU's qtest "
           "protocol.\n\n");
    for (size_t i = 0; i < G_N_ELEMENTS(option_table); i++) {
        const Option *option = &option_table[i];

        printf("  -%s %s\n        %s\n", option->name,
               option->argument ? option->argument : "", option->help);
    }
    printf("  -device TYPE[,PROPERTY=VALUE]...\n"
           "        add a device; -device help and -device TYPE,help tell "
           "more\n"
           "  -h, -help, --help\n        this text\n"
           "  -version, --version\n        the version\n");
}

/* The place of its first row, or that of the end. */
static size_t find_option(const char *name)
{
    size_t i = 0;

    while (i < G_N_ELEMENTS(option_table) &&
           strcmp(option_table[i].name, name)) {
        i++;
    }
    return i;
}

static OptionsResult add_device(MachineOptions *options, const char *value,
                                GError **error)
{
    DeviceOptions *device;
    OptionsResult result = device_options_parse(value, NULL, &device, error);

    if (result != OPTIONS_RUN) {
        return result;
    }
    for (guint i = 0; device->id && i < options->devices->len; i++) {
        const DeviceOptions *other = g_ptr_array_index(options->devices, i);

        if (!g_strcmp0(other->id, device->id)) {
            fail(error, "Duplicate ID '%s' for device", device->id);
            device_options_free(device);
            return OPTIONS_ERROR;
        }
    }
    g_ptr_array_add(options->devices, device);
    return OPTIONS_RUN;
}

/* One option, which the user wrote as @text; @value is what follows it, NULL at
 * the end. */
static OptionsResult parse_option(MachineOptions *options, const char *text,
                                  const char *value, bool *used_value,
                                  uint64_t *given, GError **error)
{
    /* QEMU takes one dash or two */
    const char *name = text + (text[1] == '-' ? 2 : 1);
    bool is_device = !strcmp(name, "device");
    size_t row = is_device ? 0 : find_option(name);
    const Option *option = is_device || row == G_N_ELEMENTS(option_table)
                           ? NULL : &option_table[row];
    OptionsResult result;

    *used_value = is_device || (option && option->argument);
    if (!is_device && !option) {
        fail(error, "%s: invalid option (--help lists them)", text);
        return OPTIONS_ERROR;
    }
    if (*used_value && !value) {
        fail(error, "%s: requires an argument", text);
        return OPTIONS_ERROR;
    }
    if (option && option->once && (*given >> row & 1)) {
        fail(error, "%s %s: given twice", text, value);
        return OPTIONS_ERROR;
    }
    *given |= option ? 1ull << row : 0;
    if (is_device) {
        result = add_device(options, value, error);
    } else {
        result = option->set(options, value, error) ? OPTIONS_RUN
                                                    : OPTIONS_ERROR;
    }
    if (result == OPTIONS_ERROR) {
        g_prefix_error(error, "%s %s: ", text, value ? value : "");
    }
    return result;
}

/* They count for devices that were given before them, too. */
static bool apply_globals(MachineOptions *options, GError **error)
{
    for (guint i = 0; i < options->globals->len; i++) {
        const char *global = g_ptr_array_index(options->globals, i);

        if (!device_global_used(global, options)) {
            return fail(error, "-global %s: there is no such device", global);
        }
    }
    for (guint i = 0; options->globals->len && i < options->devices->len;
         i++) {
        DeviceOptions *old = g_ptr_array_index(options->devices, i);
        DeviceOptions *device;

        if (device_options_parse(old->text, options->globals, &device,
                                 error) != OPTIONS_RUN) {
            g_prefix_error(error, "-device %s: ", old->text);
            return false;
        }
        options->devices->pdata[i] = device;
        device_options_free(old);
    }
    return true;
}

OptionsResult machine_options_parse(int argc, char **argv,
                                    MachineOptions *options, GError **error)
{
    uint64_t given = 0;         /* rows of the table */

    G_STATIC_ASSERT(G_N_ELEMENTS(option_table) <= 64);
    *options = (MachineOptions) {
        .ram_size = RAM_DEFAULT,
        .devices = g_ptr_array_new_with_free_func(
            (GDestroyNotify)device_options_free),
        .globals = g_ptr_array_new_with_free_func(g_free),
    };
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        OptionsResult result;
        bool used_value;

        if (name[0] != '-' || !name[1]) {
            fail(error, "%s: not an option (--help lists them)", name);
            return OPTIONS_ERROR;
        }
        name += name[1] == '-' ? 2 : 1;
        if (!strcmp(name, "h") || !strcmp(name, "help")) {
            print_help();
            return OPTIONS_DONE;
        }
        if (!strcmp(name, "version")) {
            printf(PROGRAM " " VIOMMU_VERSION "\n");
            return OPTIONS_DONE;
        }
        result = parse_option(options, argv[i],
                              i + 1 < argc ? argv[i + 1] : NULL, &used_value,
                              &given, error);
        if (result != OPTIONS_RUN) {
            return result;
        }
        i += used_value;
    }
    if (!apply_globals(options, error)) {
        return OPTIONS_ERROR;
    }
    if (options->channel == CHANNEL_NONE && !options->dump_table) {
        fail(error, "-qtest: missing, expects unix:PATH or tcp:ADDRESS:PORT, "
             "with server=on|off, or stdio");
        return OPTIONS_ERROR;
    }
    return OPTIONS_RUN;
}

void machine_options_clear(MachineOptions *options)
{
    if (options->devices) {
        g_ptr_array_free(options->devices, TRUE);
    }
    if (options->globals) {
        g_ptr_array_free(options->globals, TRUE);
    }
    g_free(options->channel_path);
    g_free(options->log_path);
    g_free(options->dump_table);
    *options = (MachineOptions) { 0 };
}
