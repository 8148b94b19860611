/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The board: construction, reset, ports, and the remapping units.
 */
#include <string.h>

#include "hw/iommu/machine/board.h"
#include "hw/iommu/machine/host/passthrough.h"

/* q35's reset control register; bit 2 resets. */
#define PORT_RESET       0xcf9
#define RESET_NOW        0x04
#define RESET_KEPT       0x0a

/* Rounds of work after one command; the rest waits for the next. */
#define RUN_MAX          4096

static void unit_send_msi(void *opaque, const ViommuMsi *msi)
{
    Unit *unit = opaque;

    viommu_sink_push(unit->board->sink, VIOMMU_SINK_UNIT + unit->index, msi);
}

static void unit_run_later(void *opaque)
{
    Unit *unit = opaque;

    unit->run_pending = true;
}

/* The endpoint behind @unit that has this source-id, or NULL. */
static PciFunction *unit_endpoint(const Unit *unit, uint32_t source)
{
    const Board *board = unit->board;

    for (guint i = 0; i < board->endpoints->len; i++) {
        PciFunction *fn = g_ptr_array_index(board->endpoints, i);

        if ((pci_bus_number(fn->bus) << 8 | fn->devfn) == (int)source &&
            board_unit(board, fn) == unit) {
            return fn;
        }
    }
    return NULL;
}

/*
 * An invalidation request to a place where no endpoint is, or one without a
 * device-TLB, meets nobody who would complete it: it times out.
 */
static bool unit_devtlb_invalidate(void *opaque,
                                   const ViommuInvalidation *inv)
{
    PciFunction *fn = unit_endpoint(opaque, inv->source);

    return fn && endpoint_invalidate(fn, inv);
}

/* An interrupt controller takes the edge; the sink stands in for it. */
static void unit_set_line(void *opaque, unsigned line, bool level)
{
    Unit *unit = opaque;
    const ViommuMsi msi = { .data = line };

    if (level) {
        viommu_sink_push(unit->board->sink, VIOMMU_SINK_LINE + unit->index,
                         &msi);
    }
}

static void unit_stall_resume(void *opaque, uint32_t source, uint16_t tag,
                              ViommuResume action)
{
    PciFunction *fn = unit_endpoint(opaque, source);

    if (fn) {
        endpoint_resume(fn, tag, action);
    }
}

static void unit_page_response(void *opaque,
                               const ViommuPageResponse *response)
{
    PciFunction *fn = unit_endpoint(opaque, response->source);

    if (fn) {
        endpoint_page_response(fn, response);
    }
}

/* Tables lie in RAM; nothing but device-TLBs keeps translations. */
static const ViommuOps unit_ops = {
    .send_msi = unit_send_msi,
    .set_line = unit_set_line,
    .devtlb_invalidate = unit_devtlb_invalidate,
    .page_response = unit_page_response,
    .stall_resume = unit_stall_resume,
    .run_later = unit_run_later,
};

static uint64_t unit_read(void *opaque, uint64_t offset, unsigned size)
{
    Unit *unit = opaque;

    return viommu_mmio_read(unit->viommu, offset, size);
}

static void unit_write(void *opaque, uint64_t offset, uint64_t value,
                       unsigned size)
{
    Unit *unit = opaque;

    viommu_mmio_write(unit->viommu, offset, value, size);
}

static uint64_t sink_read(void *opaque, uint64_t offset, unsigned size)
{
    return viommu_sink_read(opaque, offset, size);
}

static void sink_write(void *opaque, uint64_t offset, uint64_t value,
                       unsigned size)
{
    viommu_sink_write(opaque, offset, value, size);
}

/*
 * svm=on is short for what shared virtual memory needs of the unit, as far as
 * that is no choice: PASIDs and page requests.
 */
static bool resolve_svm(const DeviceOptions *options, ViommuVtdConfig *config,
                        GError **error)
{
    const char *need = !config->scalable_mode ? "x-scalable-mode=on" :
                       !config->first_stage ? "x-flts/fsts=on" :
                       !config->device_iotlb ? "device-iotlb=on" : NULL;

    if (!options->svm) {
        return true;
    }
    if (need) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "svm=on: allowed with %s only", need);
        return false;
    }
    config->page_requests = true;
    if (!config->pasid_bits) {
        config->pasid_bits = 20;
    }
    return true;
}

/* What "auto" means where there is no in-kernel interrupt controller. */
static void resolve_auto(const DeviceOptions *options,
                         ViommuVtdConfig *config)
{
    *config = options->vtd;
    config->interrupt_remapping = options->intremap != ON_OFF_AUTO_OFF;
    if (options->pasid_mode && !config->pasid_bits) {
        config->pasid_bits = 20;
    }
    config->extended_interrupt_mode =
        options->eim == ON_OFF_AUTO_ON ||
        (options->eim == ON_OFF_AUTO_AUTO && options->buggy_eim &&
         config->interrupt_remapping);
}

/* Put a unit that was made on the bus. */
static bool plug_unit(Unit *unit, uint64_t base, uint64_t room,
                      GError **error)
{
    Board *board = unit->board;
    ViommuRam ram[BUS_RAM_RANGES];
    size_t n_ram;

    board->n_units++;
    unit->window = (BusWindow) {
        .base = base,
        .size = viommu_mmio_size(unit->viommu),
        .enabled = true,
        .read = unit_read,
        .write = unit_write,
        .opaque = unit,
    };
    bus_add_window(board->bus, &unit->window);
    n_ram = bus_ram_ranges(board->bus, ram);
    if (unit->window.size > room ||
        viommu_set_ram(unit->viommu, ram, n_ram) < 0) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "the unit does not fit this board");
        return false;
    }
    return true;
}

static bool add_unit(Board *board, const DeviceOptions *options,
                     GError **error)
{
    Unit *unit = &board->unit[board->n_units];
    ViommuVtdConfig config;

    if (board->kind != MACHINE_Q35) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "this unit is for -machine q35");
        return false;
    }
    if (board->n_units == BOARD_UNITS) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "there can be %u units at most", BOARD_UNITS);
        return false;
    }
    unit->board = board;
    unit->index = board->n_units;
    resolve_auto(options, &config);
    if (!resolve_svm(options, &config, error)) {
        return false;
    }
    unit->viommu = viommu_vtd_new(&config, &unit_ops, unit, error);
    return unit->viommu &&
           plug_unit(unit, BOARD_UNIT_BASE + BOARD_UNIT_STRIDE * unit->index,
                     BOARD_UNIT_STRIDE, error);
}

/* The SMMUv3 of virt, which is in front of everything. */
static bool add_smmu(Board *board, const MachineOptions *options,
                     GError **error)
{
    g_autoptr(DeviceOptions) device =
        device_options_builtin("arm-smmuv3", options->globals, error);
    Unit *unit = &board->unit[0];
    const char *stage;

    if (!device) {
        return false;
    }
    if (!options->smmu) {
        return true;
    }
    /* As QEMU's machine has it; the unit's own default is "1". */
    stage = device->stage ? device->stage : "nested";
    device->smmu.stage1 = !strcmp(stage, "1") || !strcmp(stage, "nested");
    device->smmu.stage2 = !strcmp(stage, "2") || !strcmp(stage, "nested");
    if (!device->smmu.stage1 && !device->smmu.stage2) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "arm-smmuv3: stage=%s: allowed are 1, 2 and "
                    "nested", stage);
        return false;
    }
    if (device->accel) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "arm-smmuv3: accel=on: allowed is off");
        return false;
    }
    unit->board = board;
    unit->viommu = viommu_smmuv3_new(&device->smmu, &unit_ops, unit, error);
    if (!unit->viommu ||
        !plug_unit(unit, BOARD_SMMU_BASE, BOARD_SMMU_SIZE, error) ||
        !board_make_iort(board, device, error)) {
        g_prefix_error(error, "arm-smmuv3: ");
        return false;
    }
    for (unsigned devfn = 0; devfn < PCI_FUNCTIONS; devfn++) {
        board->unit_of[devfn] = unit;
    }
    return true;
}

static bool in_scope(const DeviceOptions *options, unsigned devfn)
{
    return options->scope[devfn / 8] >> (devfn % 8) & 1;
}

/* Units with a scope take what it names, the one without takes the rest. */
static bool assign_scope(Board *board, const DeviceOptions *options,
                         Unit *unit, Unit **rest, GError **error)
{
    if (!options->has_scope) {
        if (*rest) {
            g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                        "only one unit can be without 'scope', which is "
                        "unit %u", (*rest)->index);
            return false;
        }
        *rest = unit;
        unit->takes_rest = true;
        return true;
    }
    for (unsigned devfn = 0; devfn < PCI_FUNCTIONS; devfn++) {
        if (!in_scope(options, devfn)) {
            continue;
        }
        if (board->unit_of[devfn]) {
            g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                        "'scope' names %x.%x, which is behind unit %u",
                        devfn >> 3, devfn & 7, board->unit_of[devfn]->index);
            return false;
        }
        board->unit_of[devfn] = unit;
    }
    return true;
}

static bool add_endpoint(Board *board, const DeviceOptions *options,
                         GError **error)
{
    PciBus *bus = pci_root_bus(&board->pci, options->bus, error);
    bool is_host = options->kind != DEVICE_TESTDEV;
    PciFunction *fn = !bus ? NULL :
                      is_host ? passthrough_add(board, bus, options, error) :
                      endpoint_new(board, bus, &options->testdev, error);

    if (!fn) {
        return false;
    }
    if (!pci_root_add(&board->pci, bus, fn, options->devfn,
                      options->multifunction, error)) {
        fn->free(fn);
        return false;
    }
    if (!is_host) {
        g_ptr_array_add(board->endpoints, fn);
    }
    return true;
}

static bool add_bridge(Board *board, const DeviceOptions *options,
                       GError **error)
{
    bool is_port = options->kind == DEVICE_ROOT_PORT;
    PciBus *bus = pci_root_bus(&board->pci, options->bus, error);
    PciFunction *fn;

    if (!bus) {
        return false;
    }
    if (is_port ? bus->bridge != NULL : bus->conventional) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "Bus '%s' is no place for this bridge, which needs %s",
                    bus->name, is_port ? "pcie.0" : "PCI Express");
        return false;
    }
    fn = is_port ? root_port_new(options->id) : pci_bridge_new(options->id);
    if (!pci_root_add(&board->pci, bus, fn, options->devfn,
                      options->multifunction, error)) {
        fn->free(fn);
        return false;
    }
    return true;
}

static bool add_devices(Board *board, const MachineOptions *options,
                        GError **error)
{
    Unit *rest = NULL;
    unsigned sinks = 0;

    for (guint i = 0; i < options->devices->len; i++) {
        const DeviceOptions *device = g_ptr_array_index(options->devices, i);
        bool ok = false;

        switch (device->kind) {
        case DEVICE_VTD:
            ok = add_unit(board, device, error) &&
                 assign_scope(board, device,
                              &board->unit[board->n_units - 1], &rest, error);
            break;
        case DEVICE_SMMUV3:
            /* never among these */
            break;
        case DEVICE_TESTDEV:
        case DEVICE_HOST_TESTDEV:
        case DEVICE_VFIO_PCI:
            ok = add_endpoint(board, device, error);
            break;
        case DEVICE_ROOT_PORT:
        case DEVICE_PCI_BRIDGE:
            ok = add_bridge(board, device, error);
            break;
        case DEVICE_SINK:
            /* It is there anyway, but as in QEMU there is only one. */
            ok = ++sinks == 1;
            if (!ok) {
                g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                            "there can be 1 sink at most");
            }
            break;
        }
        if (!ok) {
            g_prefix_error(error, "-device %s: ", device->text);
            return false;
        }
    }
    for (unsigned devfn = 0; rest && devfn < PCI_FUNCTIONS; devfn++) {
        if (!board->unit_of[devfn]) {
            board->unit_of[devfn] = rest;
        }
    }
    return true;
}

Board *board_new(const MachineOptions *options, GError **error)
{
    Bus *bus = bus_new(options->kind, options->ram_size, error);
    PciFunction *host;
    Board *board;

    if (!bus) {
        g_prefix_error(error, "-m: ");
        return NULL;
    }
    board = g_new0(Board, 1);
    board->kind = options->kind;
    board->bus = bus;
    board->endpoints = g_ptr_array_new();
    board->sink = viommu_sink_new();
    board->sink_window = (BusWindow) {
        .base = VIOMMU_SINK_BASE,
        .size = VIOMMU_SINK_SIZE,
        .enabled = true,
        .read = sink_read,
        .write = sink_write,
        .opaque = board->sink,
    };
    bus_add_window(bus, &board->sink_window);
    pci_root_init(&board->pci, bus);
    host = board->kind == MACHINE_Q35 ? mch_new(&board->pci)
                                      : gpex_new(&board->pci,
                                                 options->low_ecam);
    if (!pci_root_add(&board->pci, &board->pci.root, host, PCI_DEVFN(0, 0),
                      false, error)) {
        host->free(host);
        board_free(board);
        return NULL;
    }
    if (!add_smmu(board, options, error) ||
        !add_devices(board, options, error) ||
        !passthrough_start(board, error) ||
        (board->kind == MACHINE_Q35 &&
         !board_make_dmar(board, options, error))) {
        board_free(board);
        return NULL;
    }
    return board;
}

void board_free(Board *board)
{
    if (!board) {
        return;
    }
    pci_root_clear(&board->pci);
    g_ptr_array_free(board->endpoints, TRUE);
    for (unsigned i = 0; i < board->n_units; i++) {
        viommu_free(board->unit[i].viommu);
    }
    passthrough_free(board);
    viommu_sink_free(board->sink);
    g_clear_pointer(&board->table, g_byte_array_unref);
    bus_free(board->bus);
    g_free(board);
}

void board_reset(Board *board)
{
    board->reset_control = 0;
    pci_root_reset(&board->pci);
    for (unsigned i = 0; i < board->n_units; i++) {
        viommu_reset(board->unit[i].viommu);
        board->unit[i].run_pending = false;
    }
    viommu_sink_reset(board->sink);
}

/* virt has no ports. */
uint32_t board_port_read(Board *board, uint16_t port, unsigned size)
{
    uint32_t value = UINT32_MAX;

    if (board->kind == MACHINE_VIRT) {
        value = 0;
    } else if (port == PORT_RESET && size == 1) {
        value = board->reset_control;
    } else {
        pci_root_port_read(&board->pci, port, size, &value);
    }
    return size < 4 ? value & ((1u << (8 * size)) - 1) : value;
}

void board_port_write(Board *board, uint16_t port, unsigned size,
                      uint32_t value)
{
    if (board->kind == MACHINE_VIRT) {
        return;
    }
    if (port == PORT_RESET && size == 1) {
        if (value & RESET_NOW) {
            board_reset(board);
        } else {
            board->reset_control = value & RESET_KEPT;
        }
    } else {
        pci_root_port_write(&board->pci, port, size, value);
    }
}

static bool unit_run(Unit *unit)
{
    bool pending = unit->run_pending;

    unit->run_pending = false;
    if (pending) {
        viommu_run(unit->viommu);
    }
    return pending;
}

void board_run(Board *board)
{
    bool more = true;

    /* An endpoint's request can make work for a unit, and the other way. */
    for (unsigned k = 0; more && k < RUN_MAX; k++) {
        more = false;
        for (unsigned i = 0; i < board->n_units; i++) {
            more |= unit_run(&board->unit[i]);
        }
        for (guint i = 0; i < board->endpoints->len; i++) {
            more |= endpoint_run(g_ptr_array_index(board->endpoints, i));
        }
        more |= passthrough_run(board);
    }
}
