/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SMMUv3: the guest's commands, gathered for all host devices of a unit until
 * a step hands them to each host in one call (forward.h).
 */
#include "hw/iommu/host/unit/bindings.h"
#include "hw/iommu/host/unit/commands.h"

static uint32_t source_of(const ViommuHostCommand *command)
{
    return command->word[0] >> 32;
}

static bool is_nested(const ViommuHostDevice *device)
{
    for (guint i = 0; i < device->bindings->len; i++) {
        if (viommu_binding_nth(device, i)->table.type == VIOMMU_HOST_NESTED) {
            return true;
        }
    }
    return false;
}

/* Opcodes: of configuration [SMMU 4.3], of translations [SMMU 4.4], and of what
 * devices keep of translations [SMMU 4.5]. */
#define OPCODE(word)        ((unsigned)(word) & 0xff)
#define FIRST_TLBI          0x10u
#define ATC_INV             0x40u

/* Which caches a command is about: each is filled from those of a lower
 * number. */
static unsigned cache_of(const ViommuHostCommand *command)
{
    unsigned opcode = OPCODE(command->word[0]);

    return opcode >= ATC_INV ? 2 : opcode >= FIRST_TLBI ? 1 : 0;
}

/*
 * Is the same command gathered already?  None of them has been carried out yet.
 * The answer is no when a command between the two empties a cache that the
 * new command's own cache is filled from: after the first command, the latter
 * may be filled again from what the former still has.
 */
static bool is_gathered(const ViommuForward *forward,
                        const ViommuHostCommand *new)
{
    for (guint i = forward->commands->len; i--; ) {
        const ViommuHostCommand *old = &g_array_index(forward->commands,
                                                      ViommuHostCommand, i);

        if (old->word[0] == new->word[0] && old->word[1] == new->word[1]) {
            return true;
        }
        if (cache_of(old) < cache_of(new)) {
            return false;
        }
    }
    return false;
}

/* False: there is no room. */
static bool add(ViommuForward *forward, const ViommuHostCommand *new)
{
    if (!forward->commands) {
        forward->commands = g_array_new(FALSE, FALSE, sizeof(*new));
    }
    if (is_gathered(forward, new)) {
        return true;
    }
    if (forward->commands->len >= VIOMMU_FORWARD_COMMANDS) {
        return false;
    }
    g_array_append_val(forward->commands, *new);
    viommu_forward_ask_step(forward);
    return true;
}

bool viommu_forward_note_command(Viommu *unit, uint64_t low, uint64_t high)
{
    const ViommuHostCommand command = { .word = { low, high } };
    ViommuForward *forward = __atomic_load_n(&unit->forward, __ATOMIC_ACQUIRE);
    bool done = true;

    if (forward) {
        pthread_mutex_lock(&forward->lock);
        if (forward->devices->len) {
            done = add(forward, &command);
        }
        pthread_mutex_unlock(&forward->lock);
    }
    return done;
}

bool viommu_forward_note_command_for(Viommu *unit, uint32_t source,
                                     uint32_t mask, uint64_t low,
                                     uint64_t high)
{
    ViommuForward *forward = __atomic_load_n(&unit->forward, __ATOMIC_ACQUIRE);
    bool done = true;

    if (!forward) {
        return true;
    }
    pthread_mutex_lock(&forward->lock);
    for (guint i = 0; i < forward->devices->len && done; i++) {
        const ViommuHostDevice *device = g_ptr_array_index(forward->devices, i);
        const ViommuHostCommand command = {
            .word = { low | (uint64_t)device->source << 32, high },
            .for_source = true,
        };

        if (source == VIOMMU_ANY || !((device->source ^ source) & ~mask)) {
            done = add(forward, &command);
        }
    }
    pthread_mutex_unlock(&forward->lock);
    return done;
}

void viommu_forward_note_command_first(Viommu *unit, uint64_t low,
                                       uint64_t high)
{
    ViommuForward *forward = __atomic_load_n(&unit->forward, __ATOMIC_ACQUIRE);

    if (forward) {
        pthread_mutex_lock(&forward->lock);
        forward->first = (ViommuHostCommand) { .word = { low, high } };
        forward->has_first = true;
        viommu_forward_ask_step(forward);
        pthread_mutex_unlock(&forward->lock);
    }
}

/* --- To the hosts -------------------------------------------------------- */

/* A device of @host: that of @source if it is nested, or any one.  NULL. */
static ViommuHostDevice *device_of(const ViommuForward *forward,
                                   const ViommuHost *host,
                                   const uint32_t *source)
{
    for (guint i = 0; i < forward->devices->len; i++) {
        ViommuHostDevice *device = g_ptr_array_index(forward->devices, i);

        if (device->host == host && !viommu_host_device_gone(device) &&
            (!source || (device->source == *source && is_nested(device)))) {
            return device;
        }
    }
    return NULL;
}

/* What it refuses is left out. */
static void send(const ViommuForward *forward, const Viommu *unit,
                 ViommuHost *host, const ViommuHostCommand *list, unsigned n)
{
    unsigned bad = 0, refused = 0;
    ViommuHostDevice *device;
    uint32_t source;
    int ret;

    if (!n) {
        return;
    }
    viommu_host_lock(host);
    ret = host->backend->commands(host, unit, list, n, &bad, &refused);
    host->stats.invalidations += n - refused;
    host->stats.errors += refused;
    viommu_host_unlock(host);
    if (ret) {
        source = source_of(&list[bad]);
        device = device_of(forward, host,
                           list[bad].for_source ? &source : NULL);
        if (device) {
            viommu_forward_note_error(device, ret);
        }
    }
}

/*
 * What the guest says of translations goes to the host, whether a device has
 * the guest's tables now or not: the host keeps translations of the unit's
 * name, from when one had, until one has again.
 */
static void send_to(const ViommuForward *forward, const Viommu *unit,
                    ViommuHost *host, const ViommuHostCommand *first,
                    const GArray *commands)
{
    g_autoptr(GArray) list = g_array_new(FALSE, FALSE,
                                         sizeof(ViommuHostCommand));

    if (first) {
        g_array_append_vals(list, first, 1);
    }
    for (guint i = 0; commands && i < commands->len; i++) {
        const ViommuHostCommand *command =
            &g_array_index(commands, ViommuHostCommand, i);
        uint32_t source = source_of(command);

        /* A device without the guest's tables has nothing of its own to
         * forget. */
        if (!command->for_source || device_of(forward, host, &source)) {
            g_array_append_vals(list, command, 1);
        }
    }
    send(forward, unit, host, (const void *)list->data, list->len);
}

static bool is_first_of_host(const ViommuForward *forward, guint at)
{
    const ViommuHostDevice *device = g_ptr_array_index(forward->devices, at);

    for (guint i = 0; i < at; i++) {
        const ViommuHostDevice *other = g_ptr_array_index(forward->devices, i);

        if (other->host == device->host) {
            return false;
        }
    }
    return true;
}

void viommu_commands_flush(ViommuForward *forward, const Viommu *unit)
{
    ViommuHostCommand first;
    GArray *commands;
    bool has_first;

    viommu_forward_lock(forward);
    first = forward->first;
    has_first = forward->has_first;
    commands = g_steal_pointer(&forward->commands);
    forward->has_first = false;
    viommu_forward_unlock(forward);
    for (guint i = 0; (commands || has_first) && i < forward->devices->len;
         i++) {
        ViommuHostDevice *device = g_ptr_array_index(forward->devices, i);

        if (is_first_of_host(forward, i) && device->host->backend->commands) {
            send_to(forward, unit, device->host, has_first ? &first : NULL,
                    commands);
        }
    }
    g_clear_pointer(&commands, g_array_unref);
}

void viommu_commands_forget(ViommuForward *forward)
{
    forward->has_first = false;
    g_clear_pointer(&forward->commands, g_array_unref);
}
