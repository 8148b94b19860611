/* SPDX-License-Identifier: BSD-3-Clause */
/* The unit's options: all that are good start, all that are not are refused
 * with one line that names the option and the value. */
#include <string.h>
#include <sys/wait.h>

#include "tests/qtest/board.h"

typedef struct BadOption {
    const char *options;
    const char *name;       /* in the message */
    const char *value;      /* too; NULL when there is none to tell */
} BadOption;

static const BadOption bad_options[] = {
    { "aw-bits=40", "aw-bits", "40" },
    { "aw-bits=0", "aw-bits", "0" },
    { "aw-bits=64", "aw-bits", "64" },
    { "aw-bits=255", "aw-bits", "255" },
    { "aw-bits=256", "aw-bits", "256" },
    { "aw-bits=-1", "aw-bits", "-1" },
    { "aw-bits=wide", "aw-bits", "wide" },
    { "haw-bits=31", "haw-bits", "31" },
    { "haw-bits=53", "haw-bits", "53" },
    { "fault-records=0", "fault-records", "0" },
    { "fault-records=257", "fault-records", "257" },
    { "fault-records=65536", "fault-records", "65536" },
    { "iotlb-bits=3", "iotlb-bits", "3" },
    { "iotlb-bits=21", "iotlb-bits", "21" },
    { "intremap=off,eim=on", "eim", "on" },
    { "intremap=off,posted-interrupts=on", "posted-interrupts", "on" },
    { "intremap=maybe", "intremap", "maybe" },
    { "caching-mode=2", "caching-mode", "2" },
    { "pmr=perhaps", "pmr", "perhaps" },
    { "no-such-option=1", "no-such-option", NULL },
    { "x-scalable-mode=on,dma-drain=off", "scalable-mode", "on" },
    { "x-scalable-mode=on,nested=on", "nested", "on" },
    { "dirty-tracking=on", "dirty-tracking", "on" },
    { "x-scalable-mode=on,pasid-bits=21", "pasid-bits", "21" },
    { "x-flts=on", "x-flts", NULL },
    { "fsts=on", "fsts", NULL },
    { "x-pasid-mode=on", "x-pasid-mode", NULL },
    { "pasid-bits=20", "pasid-bits", NULL },
    { "svm=on", "svm", "x-scalable-mode=on" },
    { "svm=on,device-iotlb=on", "svm", "x-scalable-mode=on" },
    { "svm=on,x-scalable-mode=on,device-iotlb=on", "svm", "x-flts" },
    { "svm=on,x-scalable-mode=on,x-flts=on", "svm", "device-iotlb=on" },
    { "svm=2", "svm", "2" },
    { "pri=on,device-iotlb=on", "pri", "scalable-mode" },
    { "x-scalable-mode=on,virtual-commands=on", "virtual-commands",
      "pasid-bits" },
    { "x-scalable-mode=on,extended-access=on", "extended-access", "x-flts" },
    { "x-scalable-mode=on,pasid-bits=255", "pasid-bits", "255" },
    { "x-scalable-mode=maybe", "x-scalable-mode", "maybe" },
    { "pri=on", "pri", "x-scalable-mode=on" },
    { "pri=on,x-scalable-mode=on", "pri", "device-iotlb=on" },
    { "pri=1", "pri", "1" },
    { "virtual-commands=on", "virtual-commands", "pasid-bits" },
    { "virtual-commands=on,x-scalable-mode=on", "virtual-commands",
      "pasid-bits" },
    { "rid-pasid=on", "rid-pasid", "pasid-bits" },
    { "memory-types=on", "memory-types", "x-scalable-mode" },
    { "rid-pasid=on,x-scalable-mode=on", "rid-pasid", "pasid-bits" },
    { "rid-priv=on", "rid-priv", "x-scalable-mode" },
    { "scope=", "scope", "''" },
    { "reserved-regions=", "reserved-regions", "''" },
    { "aw-bits=", "aw-bits", NULL },
    { "intremap=", "intremap", "''" },
    { "caching-mode=", "caching-mode", NULL },
    { "strict=both", "strict", "both" },
    { "x-scalable-mode=on,x-flts=on,nested=on,aw-bits=39", "aw-bits=39",
      "48 and 57" },
    { "x-scalable-mode=on,x-flts=on,dma-translation=off", "x-flts",
      "dma-translation=on" },
    { "x-scalable-mode=on,x-flts=on,dirty-tracking=on", "dirty-tracking=on",
      "nested=on" },
};

static void check_message(const char *options, const char *message,
                          const char *name, const char *value)
{
    const char *end = strchr(message, '\n');

    g_test_message("'%s': %s", options, message);
    g_assert_cmpstr(message, !=, "");
    /* one line, and it ends */
    g_assert_nonnull(end);
    g_assert_cmpstr(end, ==, "\n");
    g_assert_nonnull(strstr(message, name));
    if (value) {
        g_assert_nonnull(strstr(message, value));
    }
}

static void test_bad(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(bad_options); i++) {
        const BadOption *bad = &bad_options[i];
        g_autofree char *message =
            qtest_start_refused("-machine q35 -m 256M "
                                "-device intel-iommu,%s", bad->options);
        g_autofree char *echo = g_strdup_printf("intel-iommu,%s:",
                                                bad->options);
        const char *said = strstr(message, echo);

        g_assert_nonnull(said);
        /*
         * What is said, not what is repeated before it; but QEMU's own words
         * ("expects uint8_t", or about the name behind an alias) rely on the
         * repetition.
         */
        check_message(bad->options,
                      qtest_is_qemu() ? said : said + strlen(echo),
                      bad->name, bad->value);
    }
}

/* Everything that stock QEMU accepts, with its default or as allowed. */
static void test_good(void)
{
    static const char *const good[] = {
        "version=1",
        "intremap=auto,eim=auto",
        "intremap=on,eim=off,x-buggy-eim=off",
        "aw-bits=39,caching-mode=off,x-scalable-mode=off,x-flts=off",
        "snoop-control=off,x-pasid-mode=off,dma-drain=on",
        "dma-translation=on,stale-tm=off,fs1gp=on",
        "device-iotlb=on,pt=off",
        "scalable-mode=off,fsts=off,svm=off,pasid-bits=0",
        "haw-bits=39,fault-records=256,posted-interrupts=on,pmr=on",
        "esrtps=on,iotlb-bits=20",
        "haw-bits=32", "haw-bits=52", "iotlb-bits=4", "fault-records=1",
        "aw-bits=57,intremap=off,posted-interrupts=off",
        "svm=on,x-scalable-mode=on,x-flts=on,device-iotlb=on",
        "svm=on,scalable-mode=on,fsts=on,device-iotlb=on,pasid-bits=8",
        "pri=on,x-scalable-mode=on,device-iotlb=on",
        "pasid-bits=20,x-scalable-mode=on,device-iotlb=on",
        "virtual-commands=on,rid-pasid=on,x-pasid-mode=on,scalable-mode=on",
        "x-scalable-mode=on,x-flts=on,nested=on,dirty-tracking=on,aw-bits=57",
        "scalable-mode=on,fsts=on,extended-access=on,fs1gp=off,aw-bits=39",
        "scalable-mode=on,caching-mode=on,pasid-bits=1,snoop-control=on",
        "pri=off,svm=off,rid-pasid=off,virtual-commands=off",
        "abort-dma=on,coherent=on,rid-priv=off,strict=on",
        "abort-dma=on,coherent=on,rid-priv=on,x-scalable-mode=on",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        Board b;

        g_test_message("%s", good[i]);
        board_start(&b, good[i]);
        g_assert_cmphex(board_reg32(&b, SPEC_VER), ==, 0x10);
        board_end(&b);
    }
}

static void test_bad_machine(void)
{
    static const BadOption bad[] = {
        { "-machine q35 -m 256M -device intel-iommu-2", "intel-iommu-2",
          NULL },
        { "-machine q36 -m 256M", "q36", NULL },
        { "-machine q35 -m some", "some", NULL },
        { "-machine q35 -m 256M -qtest tcp:127.0.0.1:x", "-qtest",
          "tcp:127.0.0.1:x" },
        { "-machine q35 -m 256M -device intel-iommu "
          "-device viommu-testdev,addr=44", "44", NULL },
        { "-machine q35 -m 256M -device intel-iommu "
          "-device viommu-testdev,addr=3 -device viommu-testdev,addr=3",
          "viommu-testdev", NULL },
        { "-machine q35 -m 256M -device intel-iommu "
          "-device viommu-testdev,colour=red", "colour", NULL },
        { "-machine q35 -m 256M -device intel-iommu "
          "-device viommu-testdev,pasid-bits=21", "pasid-bits", "21" },
        { "-machine q35 -m 256M -device intel-iommu "
          "-device viommu-testdev,pri=on", "pri", "ats" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *message = qtest_start_refused("%s", bad[i].options);

        g_test_message("%s", bad[i].options);
        if (qtest_is_qemu()) {
            /* not our words */
            g_assert_cmpstr(message, !=, "");
        } else {
            check_message(bad[i].options, message, bad[i].name,
                          bad[i].value);
        }
    }
}

/* The endpoint's options; these words are ours on both machines. */
static void test_bad_endpoint(void)
{
    static const BadOption bad[] = {
        { "pri=on", "pri", "ats=on" },
        { "pasid-bits=21", "pasid-bits", "21" },
        { "pasid-bits=256", "pasid-bits", "256" },
        { "ats=some", "ats", "some" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *message =
            qtest_start_refused("-machine q35 -m 256M -device intel-iommu "
                                "-device viommu-testdev,%s", bad[i].options);
        g_autofree char *echo = g_strdup_printf("viommu-testdev,%s:",
                                                bad[i].options);
        const char *said = strstr(message, echo);

        g_assert_nonnull(said);
        check_message(bad[i].options,
                      qtest_is_qemu() ? said : said + strlen(echo),
                      bad[i].name, bad[i].value);
    }
}

static uint32_t config_read(QTest *q, unsigned slot, unsigned offset)
{
    return qtest_readl(q, 0xb0000000 + (slot << 15) + offset);
}

/* What each option adds to the configuration space, and nothing else. */
static void test_good_endpoint(void)
{
    static const struct {
        const char *options;
        uint16_t id[3];
    } good[] = {
        { "", { 0 } },
        { "ats=on", { 0x0f } },
        { "ats=on,pri=on", { 0x0f, 0x13 } },
        { "pasid-bits=1", { 0x1b } },
        { "pasid-bits=20,ats=on,pri=on", { 0x1b, 0x0f, 0x13 } },
        { "pasid-bits=0,ats=off,pri=off", { 0 } },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        unsigned at = 0x100, n = 0;
        uint32_t head;
        QTest *q;

        g_test_message("%s", good[i].options);
        q = qtest_start("-machine q35 -m 256M -device intel-iommu "
                        "-device viommu-testdev,addr=3%s%s",
                        *good[i].options ? "," : "", good[i].options);
        qtest_out(q, 0xcf8, 0x80000060, 4);
        qtest_out(q, 0xcfc, 0xb0000001, 4);
        g_assert_cmphex(config_read(q, 3, 0), ==, 0x76d01234);
        while (at && (head = config_read(q, 3, at))) {
            g_assert_cmpuint(n, <, 3);
            g_assert_cmphex(head & 0xffff, ==, good[i].id[n]);
            at = head >> 20;
            n++;
        }
        g_assert_true(n == 3 || !good[i].id[n]);
        qtest_end(q);
    }
}

/* The same board at the end of another kind of line. */
static void test_tcp(void)
{
    Board b;
    uint64_t page;

    qtest_set_tcp(true);
    board_start(&b, "");
    page = board_pages(&b, 1);
    board_dma_good(&b, page, page);
    board_end(&b);
    qtest_set_tcp(false);
}

/* --- viommu-machine's command line ---------------------------------------- */

/* What it says of @options, which it must refuse. */
static char *refused_words(const char *options)
{
    g_autofree char *command = g_strdup_printf("%s %s",
                                               g_getenv("VIOMMU_MACHINE"),
                                               options);
    char *complaint = NULL;
    int status;

    g_assert_true(g_spawn_command_line_sync(command, NULL, &complaint,
                                            &status, NULL));
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, 1);
    return complaint;
}

/* Words that are empty, that come twice, or that mean nothing. */
static void test_bad_words(void)
{
#define STDIO "-qtest stdio "
    static const BadOption bad[] = {
        { STDIO "-m 64M -m 128M", "-m 128M", "twice" },
        { STDIO "-m 64M --m 64M", "--m 64M", "twice" },
        { STDIO "-m ''", "-m", "1 to 512G" },
        { STDIO "-m 0", "-m 0", "1 to 512G" },
        { STDIO "-m 513G", "-m 513G", "1 to 512G" },
        { STDIO "-m", "-m", "argument" },
        { STDIO STDIO, "-qtest stdio", "twice" },
        { "-qtest ''", "-qtest", "unix:PATH" },
        { "-qtest unix:", "-qtest", "unix:PATH" },
        { "-qtest tcp:", "-qtest tcp:", "numbers" },
        { "-qtest tcp:localhost:5555", "localhost:5555", "numbers" },
        { "-qtest tcp:127.0.0.1:0", "127.0.0.1:0", "numbers" },
        { "-qtest tcp:127.0.0.1:65536", "127.0.0.1:65536", "numbers" },
        { "-qtest unix:/nowhere,server=on,server=off", "server", "twice" },
        { "-qtest unix:/nowhere,server=", "server", "''" },
        { STDIO "-qtest-log ''", "-qtest-log", "file" },
        { STDIO "-qtest-log none -qtest-log none", "-qtest-log none",
          "twice" },
        { STDIO "-machine ''", "-machine", "q35" },
        { STDIO "-machine type=", "-machine type=", "q35" },
        { STDIO "-machine q35 -M q35", "-M q35", "twice" },
        { STDIO "-M virt -machine q35", "-machine q35", "twice" },
        { STDIO "-machine q35,dump-dmar", "dump-dmar", "file" },
        { "-machine q35,dump-dmar=", "dump-dmar", "file" },
        { "-machine virt,iommu=smmuv3,dump-iort=", "dump-iort", "file" },
        { "-machine q35,dump-dmar=/nowhere/a,dump-dmar=/nowhere/b",
          "dump-dmar", "twice" },
        { STDIO "-machine virt,iommu=", "iommu", "smmuv3" },
        { STDIO "-machine virt,iommu", "iommu", "smmuv3" },
        { STDIO "-machine virt,highmem-ecam=", "highmem-ecam", "''" },
        { STDIO "-machine q35,usb", "usb", "VALUE" },
        { STDIO "-machine q35,dump-iort=/nowhere", "dump-iort", "dump-dmar" },
        { STDIO "--foo", " --foo:", "--help" },
        { STDIO "-foo", " -foo:", "--help" },
        { STDIO "foo", " foo:", "--help" },
        { STDIO "''", "not an option", "--help" },
        { STDIO "-", "not an option", "--help" },
        { STDIO "--", " --:", "--help" },
        { STDIO "-global foo.bar=1", "-global foo.bar=1", "'foo'" },
        { STDIO "-global ''", "-global", "TYPE.NAME=VALUE" },
        { STDIO "-global intel-iommu", "intel-iommu", "TYPE.NAME=VALUE" },
        { STDIO "-global .aw-bits=39", ".aw-bits", "TYPE.NAME=VALUE" },
        { STDIO "-global intel-iommu.=39", "intel-iommu.",
          "TYPE.NAME=VALUE" },
        { STDIO "-global intel-iommu.aw-bits", "aw-bits",
          "TYPE.NAME=VALUE" },
        { STDIO "-global intel-iommu.colour=red", "colour", "not found" },
        { STDIO "-global intel-iommu.aw-bits=wide", "aw-bits", "wide" },
        { STDIO "-global intel-iommu.aw-bits=39", "aw-bits=39", "no such" },
        { STDIO "-machine virt -global arm-smmuv3.oas=40", "oas=40",
          "no such" },
        { STDIO "-device intel-iommu -global intel-iommu.aw-bits=40",
          "aw-bits=40", "39, 48 and 57" },
        { STDIO "-device ''", "-device", "model name" },
        { STDIO "-device viommu-testdev,id=", "'id'", "letter" },
        { STDIO "-device viommu-testdev,id=3", "'id'", "'3'" },
        { STDIO "-device viommu-testdev,bus=", "'bus'", "''" },
        { STDIO "-device viommu-testdev,addr=", "'addr'", "''" },
        { STDIO "-device viommu-testdev,=4", "viommu-testdev", "not found" },
        { STDIO "-device intel-iommu,scope=", "'scope'", "''" },
        { STDIO "-device intel-iommu,reserved-regions=",
          "'reserved-regions'", "''" },
        { STDIO "-device host-testdev,backend=", "'backend'", "''" },
        { STDIO "-device viommu-sink -device viommu-sink", "viommu-sink",
          "1 sink" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *message = refused_words(bad[i].options);

        check_message(bad[i].options, message, bad[i].name, bad[i].value);
    }
}

/* For devices before and after it; their own words win, then the last. */
static void test_global(void)
{
    static const struct {
        const char *options;
        unsigned sagaw;     /* CAP.SAGAW */
    } cases[] = {
        { "-device intel-iommu", 0x6 },
        { "-device intel-iommu -global intel-iommu.aw-bits=39", 0x2 },
        { "-global intel-iommu.aw-bits=39 -device intel-iommu", 0x2 },
        { "-global intel-iommu.aw-bits=39 -device intel-iommu,aw-bits=48",
          0x6 },
        { "-global intel-iommu.aw-bits=57 -global intel-iommu.aw-bits=39 "
          "-device intel-iommu", 0x2 },
        { "-global viommu-testdev.ats=off -device viommu-testdev "
          "-device intel-iommu", 0x6 },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        QTest *q = qtest_start("-machine q35 -m 64M %s", cases[i].options);

        g_test_message("%s", cases[i].options);
        g_assert_cmphex(qtest_readq(q, BOARD_UNIT + SPEC_CAP) >> 8 & 0x1f, ==,
                        cases[i].sagaw);
        qtest_end(q);
    }
}

/*
 * A device that takes its address space for good when it is made, as vfio-pci
 * does: before the unit, it goes past that, which is said.  Others are behind
 * the unit in either order.
 */
static void test_early(void)
{
    static const struct {
        const char *target, *options;
        bool early;
    } cases[] = {
        { "x86_64", "q35 -device viommu-testdev,addr=3,x-mirror=on "
          "-device intel-iommu,caching-mode=on", true },
        { "x86_64", "q35 -device intel-iommu,caching-mode=on "
          "-device viommu-testdev,addr=3,x-mirror=on", false },
        { "x86_64", "q35 -device viommu-testdev,addr=3 -device intel-iommu",
          false },
        { "x86_64", "q35 -device viommu-testdev,addr=3,x-mirror=on", false },
        /* the second unit is the one that it is not behind */
        { "x86_64", "q35 -device viommu-testdev,addr=3,x-mirror=on "
          "-device intel-iommu,caching-mode=on "
          "-device intel-iommu,scope=3,caching-mode=on", true },
        { "aarch64", "virt,iommu=smmuv3 -device viommu-testdev,addr=3",
          false },
        { "aarch64", "virt -device viommu-testdev,addr=3,x-mirror=on "
          "-device arm-smmuv3,primary-bus=pcie.0", true },
        /* nor is it behind this one */
        { "aarch64", "virt -device viommu-testdev,addr=3,x-mirror=on "
          "-device pxb-pcie,id=pcie.1,bus_nr=64 "
          "-device arm-smmuv3,primary-bus=pcie.1", false },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *said = NULL;
        const char *line;
        QTest *q;

        g_test_message("%s", cases[i].options);
        qtest_set_target(cases[i].target);
        q = qtest_start("-m 256M -machine %s", cases[i].options);
        said = qtest_said(q);
        line = strstr(said, "goes past it");
        g_assert_cmpint(line != NULL, ==, cases[i].early);
        g_assert_true(!line || strstr(said, "viommu-testdev device at 03.0"));
        g_assert_true(!line || !strstr(line + 1, "goes past it"));
        qtest_end(q);
    }
    g_free(qtest_start_refused("-m 256M -machine virt "
                               "-device viommu-testdev,addr=3,x-mirror=on "
                               "-device arm-smmuv3,primary-bus=pcie.0,"
                               "nesting=on"));
    qtest_set_target("x86_64");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/options/bad-endpoint", test_bad_endpoint);
    g_test_add_func("/options/good-endpoint", test_good_endpoint);
    g_test_add_func("/options/bad", test_bad);
    g_test_add_func("/options/good", test_good);
    g_test_add_func("/options/bad-machine", test_bad_machine);
    g_test_add_func("/options/tcp", test_tcp);
    g_test_add_func("/options/global", test_global);
    if (qtest_is_qemu()) {
        g_test_add_func("/options/early", test_early);
    } else {
        g_test_add_func("/options/bad-words", test_bad_words);
    }
    return g_test_run();
}
