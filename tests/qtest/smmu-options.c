/* SPDX-License-Identifier: BSD-3-Clause */
/* The SMMUv3's options: what each shows to software, and that those which
 * cannot be are refused with one line that names the option and the value. */
#include <string.h>

#include "tests/qtest/smmu.h"

static void test_bad(void)
{
    static const struct {
        const char *options;
        const char *name, *value;       /* in the message */
    } bad[] = {
        { "stage=4", "stage", "4" },
        { "stage=both", "stage", "both" },
        { "oas=41", "oas", "41" },
        { "oas=0", "oas", "0" },
        { "oas=256", "oas", "256" },
        { "sidsize=7", "sidsize", "7" },
        { "sidsize=33", "sidsize", "33" },
        { "sidsize=-1", "sidsize", "-1" },
        { "ssidsize=21", "ssidsize", "21" },
        { "stage=2,ssidsize=4", "ssidsize", "stage" },
        { "stage=1,fwb=on", "fwb", "stage" },
        { "httu=3", "httu", "3" },
        { "bbml=3", "bbml", "3" },
        { "iotlb-bits=3", "iotlb-bits", "3" },
        { "iotlb-bits=21", "iotlb-bits", "21" },
        { "pri=on", "pri", "ats=on" },
        { "stage=2,hyp=on", "hyp", "stage" },
        { "stage=1,hyp=on", "hyp", "stage=nested" },
        { "atos=2", "atos", "2" },
        { "hyp=2", "hyp", "2" },
        { "attr-perms-ovr=2", "attr-perms-ovr", "2" },
        { "ats=maybe", "ats", "maybe" },
        { "stall=2", "stall", "2" },
        { "colour=red", "colour", "red" },
        { "accel=on,stage=2", "accel=on", "allowed" },
        { "oas=wide", "oas", "wide" },
        { "ssidsize=-1", "ssidsize", "-1" },
        { "ril=perhaps", "ril", "perhaps" },
        { "stage=9", "stage", "9" },
        { "stage=", "stage", "stage=" },
        { "oas=", "oas", "oas=" },
        { "httu=", "httu", "httu=" },
        { "ats=", "ats", "ats=" },
    };

    qtest_set_target("aarch64");
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_auto(GStrv) words = g_strsplit(bad[i].options, ",", -1);
        g_autoptr(GString) globals = g_string_new(NULL);
        g_autofree char *message = NULL;

        for (unsigned k = 0; words[k]; k++) {
            g_string_append_printf(globals, " -global arm-smmuv3.%s",
                                   words[k]);
        }
        message = qtest_start_refused("-machine virt,iommu=smmuv3 -m 256M%s",
                                      globals->str);
        g_strchomp(message);
        g_test_message("'%s': %s", bad[i].options, message);
        /* one line */
        g_assert_null(strchr(message, '\n'));
        g_assert_nonnull(strstr(message, "arm-smmuv3"));
        g_assert_nonnull(strstr(message, bad[i].name));
        g_assert_nonnull(strstr(message, bad[i].value));
    }
}

static void test_bad_machine(void)
{
    static const char *const bad[] = {
        "-machine virt,iommu=smmuv4",
        "-machine virt,highmem-ecam=maybe",
        "-machine virt,iommu=smmuv3 -device arm-smmuv3",
        "-machine virt,iommu=smmuv3 -device intel-iommu",
        "-machine virt,iommu=smmuv3 -device viommu-testdev,addr=44",
        "-machine virt,iommu=smmuv3 -device viommu-testdev,pri=on",
        "-machine virt -m 300G",
    };

    qtest_set_target("aarch64");
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        /* 300 GiB are a matter of the host's memory for QEMU */
        if (!qtest_is_qemu() || !strstr(bad[i], "300G")) {
            g_autofree char *message = qtest_start_refused("%s", bad[i]);

            g_strchomp(message);
            g_test_message("'%s': %s", bad[i], message);
            g_assert_cmpstr(message, !=, "");
        }
    }
}

/* Further units: one line that names the bus and what is wrong with it. */
static void test_bad_units(void)
{
#define PXB "-device pxb-pcie,id=pcie.1,bus_nr=64 "
    static const struct {
        const char *options, *bus, *what;
    } bad[] = {
        { "virt -device arm-smmuv3", "primary-bus", "needed" },
        { "virt -device arm-smmuv3,primary-bus=pcie.7", "pcie.7",
          "not found" },
        { "virt,iommu=smmuv3 -device arm-smmuv3,primary-bus=pcie.0",
          "primary-bus=pcie.0: ", "SMMU 0" },
        { "virt " PXB "-device arm-smmuv3,primary-bus=pcie.1 "
          "-device arm-smmuv3,primary-bus=pcie.1",
          "primary-bus=pcie.1: ", "SMMU 0" },
        { "virt -device pcie-root-port,id=rp1 "
          "-device arm-smmuv3,primary-bus=rp1",
          "primary-bus=rp1: ", "pcie.0" },
        { "virt -device virtio-iommu-pci "
          "-device arm-smmuv3,primary-bus=pcie.0",
          "arm-smmuv3: ", "virtio-iommu already" },
        { "virt " PXB "-device virtio-iommu-pci,bus=pcie.0 "
          "-device arm-smmuv3,primary-bus=pcie.1",
          "arm-smmuv3: ", "virtio-iommu already" },
        { "virt -device arm-smmuv3,primary-bus=pcie.0 "
          "-device virtio-iommu-pci", "virtio-iommu-pci", "multiple IOMMUs" },
        { "virt " PXB "-device arm-smmuv3,primary-bus=pcie.1 "
          "-device virtio-iommu-pci,bus=pcie.0", "virtio-iommu-pci",
          "multiple IOMMUs" },
        { "virt,iommu=smmuv3 -device virtio-iommu-pci", "virtio-iommu-pci",
          "multiple IOMMUs" },
        /* one that the machine does not look at */
        { "virt,iommu=smmuv3 -device virtio-iommu-device,primary-bus=pcie.0",
          "primary-bus=pcie.0: ", "another IOMMU" },
        { "virt -device arm-smmuv3,primary-bus=pcie.0 "
          "-device virtio-iommu-device,primary-bus=pcie.0",
          "primary-bus=pcie.0: ", "another IOMMU" },
        { "virt -device virtio-iommu-device,primary-bus=pcie.0 "
          "-device arm-smmuv3,primary-bus=pcie.0",
          "primary-bus=pcie.0: ", "another IOMMU" },
        { "virt -device arm-smmuv3,primary-bus=pcie.0,stage=3",
          "stage=3: ", "nested" },
        { "virt -device arm-smmuv3,primary-bus=pcie.0,stage=nested,"
          "nesting=auto", "nesting=auto: ", "stage=1" },
        { "virt,iommu=smmuv3 -global arm-smmuv3.nesting=on "
          "-global arm-smmuv3.stage=2", "nesting=on: ", "not stage=2" },
    };

    qtest_set_target("aarch64");
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *message =
            qtest_start_refused("-nodefaults -machine %s", bad[i].options);

        g_strchomp(message);
        g_test_message("%s: %s", bad[i].options, message);
        g_assert_null(strchr(message, '\n'));
        g_assert_nonnull(strstr(message, bad[i].bus));
        g_assert_nonnull(strstr(message, bad[i].what));
    }
}

typedef struct Shown {
    const char *options;
    uint32_t offset, mask, value;
} Shown;

#define SHOWS(field, n) FIELD_MASK(field), FIELD_PUT(n, field)
#define STAGES (FIELD_MASK(IDR0_S1P) | FIELD_MASK(IDR0_S2P))

/* What the ID registers say of each option [SMMU 6.3]. */
static void test_shown(void)
{
    static const Shown shown[] = {
        { "stage=1", SMMUV3_IDR0, STAGES, FIELD_MASK(IDR0_S1P) },
        { "stage=2", SMMUV3_IDR0, STAGES, FIELD_MASK(IDR0_S2P) },
        { "stage=nested", SMMUV3_IDR0, STAGES, STAGES },
        { "sidsize=8", SMMUV3_IDR1, SHOWS(IDR1_SIDSIZE, 8) },
        { "sidsize=32", SMMUV3_IDR1, SHOWS(IDR1_SIDSIZE, 32) },
        { "ssidsize=1", SMMUV3_IDR1, SHOWS(IDR1_SSIDSIZE, 1) },
        { "ssidsize=20", SMMUV3_IDR1, SHOWS(IDR1_SSIDSIZE, 20) },
        { "oas=32", SMMUV3_IDR5, SHOWS(IDR5_OAS, 0) },
        { "oas=36", SMMUV3_IDR5, SHOWS(IDR5_OAS, 1) },
        { "oas=40", SMMUV3_IDR5, SHOWS(IDR5_OAS, 2) },
        { "oas=42", SMMUV3_IDR5, SHOWS(IDR5_OAS, 3) },
        { "oas=48", SMMUV3_IDR5, SHOWS(IDR5_OAS, 5) },
        { "oas=52", SMMUV3_IDR5, SHOWS(IDR5_OAS, 6) },
        { "ats=on", SMMUV3_IDR0, SHOWS(IDR0_ATS, 1) },
        { "ats=on", SMMUV3_IDR0, SHOWS(IDR0_PRI, 0) },
        { "ats=on,pri=on", SMMUV3_IDR0, SHOWS(IDR0_PRI, 1) },
        { "msi=on", SMMUV3_IDR0, SHOWS(IDR0_MSI, 1) },
        { "stall=on", SMMUV3_IDR0, SHOWS(IDR0_STALL_MODEL, 0) },
        { "stall=off", SMMUV3_IDR0, SHOWS(IDR0_STALL_MODEL, 1) },
        { "httu=1", SMMUV3_IDR0, SHOWS(IDR0_HTTU, 1) },
        { "httu=2", SMMUV3_IDR0, SHOWS(IDR0_HTTU, 2) },
        { "bbml=0", SMMUV3_IDR3, SHOWS(IDR3_BBML, 0) },
        { "bbml=1", SMMUV3_IDR3, SHOWS(IDR3_BBML, 1) },
        { "msi=off", SMMUV3_IDR3, SHOWS(IDR3_BBML, 2) },
        { "hyp=on", SMMUV3_IDR0, SHOWS(IDR0_HYP, 1) },
        { "hyp=off", SMMUV3_IDR0, SHOWS(IDR0_HYP, 0) },
        { "atos=on", SMMUV3_IDR0, SHOWS(IDR0_ATOS, 1) },
        { "atos=off", SMMUV3_IDR0, SHOWS(IDR0_ATOS, 0) },
        { "attr-perms-ovr=on", SMMUV3_IDR1, SHOWS(IDR1_ATTR_PERMS_OVR, 1) },
        { "attr-perms-ovr=off", SMMUV3_IDR1, SHOWS(IDR1_ATTR_PERMS_OVR, 0) },
        { "oas=auto,ats=on,oas=auto", SMMUV3_IDR5, SHOWS(IDR5_OAS, 4) },
        { "ssidsize=auto", SMMUV3_IDR1, SHOWS(IDR1_SSIDSIZE, 0) },
        { "ats=auto,accel=off", SMMUV3_IDR0, SHOWS(IDR0_ATS, 0) },
        { "ril=auto", SMMUV3_IDR3, SHOWS(IDR3_RIL, 1) },
        { "ril=off", SMMUV3_IDR3, SHOWS(IDR3_RIL, 0) },
        { "ril=on", SMMUV3_IDR3, SHOWS(IDR3_RIL, 1) },
        { "fwb=on", SMMUV3_IDR3, SHOWS(IDR3_FWB, 1) },
        { "fwb=off", SMMUV3_IDR3, SHOWS(IDR3_FWB, 0) },
        { "iotlb-bits=4", SMMUV3_IDR0, STAGES, STAGES },
        { "iotlb-bits=20", SMMUV3_IDR0, STAGES, STAGES },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(shown); i++) {
        SmmuBoard b;

        g_test_message("%s", shown[i].options);
        smmu_start(&b, shown[i].options, "");
        g_assert_cmphex(smmu_reg(&b, shown[i].offset) & shown[i].mask, ==,
                        shown[i].value);
        smmu_end(&b);
    }
}

/* The word of the user wins over the machine's own. */
static void test_stage_of_machine(void)
{
    uint64_t word[4];
    SmmuBoard b;

    smmu_start_stream(&b, "stage=1", "", SMMUV3_NESTED);
    smmu_dma_fault(&b, 0x1000, false, SMMUV3_C_BAD_STE, word);
    smmu_end(&b);
    if (qtest_is_qemu()) {
        /* which is another one for devices of the host */
        smmu_start(&b, "accel=on", "");
        g_assert_cmphex(smmu_reg(&b, SMMUV3_IDR0) & STAGES, ==,
                        FIELD_MASK(IDR0_S1P));
        smmu_end(&b);
    }
}

/* Without range invalidation the fields of a range say nothing [SMMU 4.4.1]. */
static void test_no_ranges(void)
{
    uint64_t va = UINT64_C(0x7f1234567000), pa = SMMU_RAM + 0x8000000;
    SmmuBoard b;

    smmu_start_stream(&b, "ril=off", "", SMMUV3_S1);
    smmu_map(&b, va, pa);
    smmu_dma_good(&b, va, pa);
    smmu_map(&b, va, pa + 0x1000);
    smmu_command(&b, CMD_NH_VA | CMD_ASID(SMMU_ASID) | CMD_VMID(SMMU_VMID) |
                 CMD_NUM(1) | CMD_SCALE(1), (va - 0x2000) | CMD_TG_4K);
    smmu_sync(&b);
    smmu_dma_good(&b, va, pa);
    smmu_command(&b, CMD_NH_VA | CMD_ASID(SMMU_ASID) | CMD_VMID(SMMU_VMID),
                 va);
    smmu_sync(&b);
    smmu_dma_good(&b, va, pa + 0x1000);
    smmu_end(&b);
}

/* Output addresses of 52 bits come with 64 KiB pages [SMMU 3.4]. */
static void test_wide_output(void)
{
    uint64_t va = UINT64_C(0x7f1234560000), word[4];
    SmmuBoard b;

    smmu_start_stream(&b, "oas=52", "", SMMUV3_S1);
    g_assert_true(guest_tables_init(&b.s1, &b.alloc, 16, 48, 0));
    b.cd.ttb[0] = b.s1.ttb;
    b.cd.tg[0] = 1;
    b.cd.ips = 6;
    smmu_put_cd(&b, 0);
    /* bits 51:48 of the address are in bits 15:12 */
    g_assert_true(guest_tables_map(&b.s1, va, 0x48000000 | 0xf000, 3,
                                   SMMUV3_PAGE_S1));
    /* Nothing is there, but it may be asked for. */
    g_assert_cmpint(testdev_dma_read(&b.dev, va, NULL, 4).why, ==,
                    TD_NO_TARGET);
    g_assert_false(smmu_event(&b, word));
    b.cd.ips = 5;
    smmu_put_cd(&b, 0);
    smmu_command(&b, CMD_NSNH_ALL, 0);
    smmu_sync(&b);
    smmu_dma_fault(&b, va, false, SMMUV3_F_ADDR_SIZE, word);
    smmu_end(&b);
}

/*
 * With stage 2 in charge of memory types, its descriptors have other codes
 * for them: 6 is write-back here, and was a reserved one.  Tables, the
 * context descriptor and data are reached through it as before.
 */
static void test_memory_types(void)
{
    const uint64_t va = UINT64_C(0x7f1234567000), pa = SMMU_RAM + 0x8000000;
    SmmuBoard b;

    smmu_start_stream(&b, "stage=nested,fwb=on", "", SMMUV3_NESTED);
    b.ste.s2fwb = b.ste.s2ptw = true;
    smmu_put_ste(&b);
    smmu_map(&b, va, pa);
    smmu_dma_good(&b, va, pa);
    g_assert_true(guest_tables_map(&b.s2, SMMU_HOLE, pa + 0x1000, 3,
                                   (SMMUV3_PAGE_S2 & ~SMMUV3_PTE_MEMATTR) |
                                   6 << 2));
    smmu_map(&b, va, SMMU_HOLE);
    smmu_command(&b, CMD_NSNH_ALL, 0);
    smmu_sync(&b);
    smmu_dma_good(&b, va, pa + 0x1000);
    smmu_end(&b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/smmu-options/bad", test_bad);
    g_test_add_func("/smmu-options/bad-machine", test_bad_machine);
    if (qtest_is_qemu()) {
        g_test_add_func("/smmu-options/bad-units", test_bad_units);
    }
    g_test_add_func("/smmu-options/shown", test_shown);
    g_test_add_func("/smmu-options/stage-of-machine", test_stage_of_machine);
    g_test_add_func("/smmu-options/no-ranges", test_no_ranges);
    g_test_add_func("/smmu-options/wide-output", test_wide_output);
    g_test_add_func("/smmu-options/memory-types", test_memory_types);
    return g_test_run();
}
