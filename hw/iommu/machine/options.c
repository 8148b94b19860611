/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command line.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hw/iommu/machine/bus.h"
#include "hw/iommu/machine/options.h"

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
} Option;

char *option_next(const char **rest)
{
    const char *at = *rest;
    GString *item;

    if (!*at) {
        return NULL;
    }
    item = g_string_new(NULL);
    while (*at && (*at != ',' || at[1] == ',')) {
        at += *at == ',' ? 1 : 0;
        g_string_append_c(item, *at++);
    }
    *rest = *at ? at + 1 : at;
    return g_string_free(item, FALSE);
}

bool option_bool(const char *text, bool *value)
{
    static const char *const on[] = { "on", "yes", "true", "y", NULL };
    static const char *const off[] = { "off", "no", "false", "n", NULL };

    if (g_strv_contains(on, text)) {
        *value = true;
        return true;
    }
    *value = false;
    return g_strv_contains(off, text);
}

bool option_number(const char *text, uint64_t max, uint64_t *value)
{
    guint64 number;
    char *end;

    /* no sign, no space: those would pass g_ascii_strtoull() */
    if (!g_ascii_isdigit(*text)) {
        return false;
    }
    errno = 0;
    number = g_ascii_strtoull(text, &end, 0);
    if (errno || *end || number > max) {
        return false;
    }
    *value = number;
    return true;
}

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

/* Words that change something; *@known says whether @name is one. */
static bool set_machine_word(MachineOptions *options, const char *name,
                             const char *value, bool *known, GError **error)
{
    bool on;

    *known = true;
    if (!strcmp(name, options->kind == MACHINE_Q35 ? "dump-dmar"
                                                   : "dump-iort")) {
        g_free(options->dump_table);
        options->dump_table = g_strdup(value);
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

    while (*rest) {
        g_autofree char *item = option_next(&rest);
        char *equals = strchr(item, '=');
        bool is_type = first && (!equals || g_str_has_prefix(item, "type="));
        bool known = false;

        first = false;
        if (is_type) {
            if (!set_machine_type(options, equals ? equals + 1 : item,
                                  error)) {
                return false;
            }
            continue;
        }
        if (equals) {
            *equals = 0;
            if (!set_machine_word(options, item, equals + 1, &known, error)) {
                return false;
            }
        }
        if (!known && (!equals || !g_strv_contains(ignored, item))) {
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
    (void)error;
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
    bool server = false;

    if (!strcmp(path, "stdio") && !*rest) {
        options->channel = CHANNEL_STDIO;
        return true;
    }
    if (!set_place(options, path)) {
        return fail(error, "expects unix:PATH or tcp:ADDRESS:PORT, with "
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
    (void)error;
    g_free(options->log_path);
    options->log_path = strcmp(value, "none") ? g_strdup(value) : NULL;
    return true;
}

static const Option option_table[] = {
    { "machine", "q35[,dump-dmar=FILE]", "the addresses of QEMU's q35; write "
      "the DMAR table to FILE and end", set_machine },
    { "machine", "virt[,iommu=smmuv3][,highmem-ecam=off][,dump-iort=FILE]",
      "those of virt, with an SMMUv3; write the IORT to FILE and end",
      set_machine },
    { "M", "q35[,...]", "the same", set_machine },
    { "global", "arm-smmuv3.NAME=VALUE", "a property of the SMMUv3 (-device "
      "arm-smmuv3,help lists them)", set_global },
    { "cpu", "MODEL", "accepted, without effect", set_nothing },
    { "m", "SIZE", "RAM in MiB, or with K, M, G, T (default 128M)",
      set_memory },
    { "qtest", "unix:PATH[,server=on|off]", "connect to a qtest client, or "
      "wait for one", set_qtest },
    { "qtest", "tcp:ADDRESS:PORT[,server=on|off]", "the same over TCP (IPv4)",
      set_qtest },
    { "qtest", "stdio", "talk to it on standard input and output",
      set_qtest },
    { "qtest-log", "FILE", "write what is said there (none: nowhere)",
      set_log },
    { "accel", "qtest", "accepted, without effect", set_accel },
    { "display", "none", "accepted, without effect", set_display },
    { "audio", "none", "accepted, without effect", set_display },
    { "vga", "none", "accepted, without effect", set_display },
    { "serial", "none", "accepted, without effect", set_display },
    { "monitor", "none", "accepted, without effect", set_display },
    { "nodefaults", NULL, "accepted, without effect", set_nothing },
    { "nographic", NULL, "accepted, without effect", set_nothing },
    { "S", NULL, "accepted, without effect", set_nothing },
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

static const Option *find_option(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(option_table); i++) {
        if (!strcmp(option_table[i].name, name)) {
            return &option_table[i];
        }
    }
    return NULL;
}

static OptionsResult add_device(MachineOptions *options, const char *value,
                                GError **error)
{
    DeviceOptions *device;
    OptionsResult result = device_options_parse(value, &device, error);

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

/* One option; *@value is what follows it, NULL at the end. */
static OptionsResult parse_option(MachineOptions *options, const char *name,
                                  const char *value, bool *used_value,
                                  GError **error)
{
    bool is_device = !strcmp(name, "device");
    const Option *option = is_device ? NULL : find_option(name);
    OptionsResult result;

    *used_value = is_device || (option && option->argument);
    if (!is_device && !option) {
        fail(error, "-%s: invalid option (--help lists them)", name);
        return OPTIONS_ERROR;
    }
    if (*used_value && !value) {
        fail(error, "-%s: requires an argument", name);
        return OPTIONS_ERROR;
    }
    if (is_device) {
        result = add_device(options, value, error);
    } else {
        result = option->set(options, value, error) ? OPTIONS_RUN
                                                    : OPTIONS_ERROR;
    }
    if (result == OPTIONS_ERROR) {
        g_prefix_error(error, "-%s %s: ", name, value ? value : "");
    }
    return result;
}

OptionsResult machine_options_parse(int argc, char **argv,
                                    MachineOptions *options, GError **error)
{
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
        /* QEMU takes one dash or two */
        name += name[1] == '-' ? 2 : 1;
        if (!strcmp(name, "h") || !strcmp(name, "help")) {
            print_help();
            return OPTIONS_DONE;
        }
        if (!strcmp(name, "version")) {
            printf(PROGRAM " " VIOMMU_VERSION "\n");
            return OPTIONS_DONE;
        }
        result = parse_option(options, name,
                              i + 1 < argc ? argv[i + 1] : NULL, &used_value,
                              error);
        if (result != OPTIONS_RUN) {
            return result;
        }
        i += used_value;
    }
    if (options->channel == CHANNEL_NONE && !options->dump_table) {
        fail(error, "-qtest: missing, expects unix:PATH or tcp:ADDRESS:PORT, with "
             "server=on|off, or stdio");
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
