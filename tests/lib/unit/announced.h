/* SPDX-License-Identifier: BSD-3-Clause */
/* One probe for each bit of CAP and ECAP, and what they are made of. */
#ifndef TESTS_LIB_UNIT_ANNOUNCED_H
#define TESTS_LIB_UNIT_ANNOUNCED_H

#include "scalable.h"

#define SOURCE  0x0108
#define VA      UINT64_C(0x400000)
#define PA      UINT64_C(0x200000)

/** A unit in legacy mode, with VA mapped. */
typedef struct Legacy {
    Fixture *f;
    Simple s;
    GuestContext ctx;
} Legacy;

void legacy_start(Legacy *l, const ViommuVtdConfig *config);
ViommuStatus legacy_ask(Legacy *l, uint64_t addr);

/** Does a unit with these options do what the bit stands for? */
typedef bool Probe(const ViommuVtdConfig *config);
Probe probe_pgsnp;
Probe probe_pt, probe_dt, probe_sc, probe_sslps, probe_cm, probe_nd,
      probe_esrtps, probe_psi, probe_mamv, probe_mhmv, probe_dit, probe_pds,
      probe_afl, probe_rwbf, probe_plmr, probe_phmr, probe_qi, probe_ir,
      probe_eim, probe_smts, probe_vcs, probe_ecmds, probe_pms, probe_iro,
      probe_pi, probe_esirtps, probe_page_queue, probe_adms, probe_fs1gp,
      probe_fs5lp, probe_fsts, probe_ssts, probe_nest, probe_mts, probe_ers,
      probe_srs, probe_eafs, probe_pasid, probe_ssads, probe_smpwcs,
      probe_rps, probe_rprivs, probe_dte;

#endif
