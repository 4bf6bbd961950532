// SPDX-License-Identifier: Apache-2.0
// The commands, each defined in the file of its name.
#pragma once

#include "cli/command.h"

namespace rkt::cmd {

extern const cli::Command api_service, app_add, app_exec, app_list, app_rm, app_sandbox, app_start, app_status,
    app_stop, attach, cat_manifest, completion, config, enter, export_pod, fetch, gc, image_cat_manifest, image_export,
    image_extract, image_fetch, image_gc, image_import, image_list, image_push, image_render, image_rm, image_sign,
    image_verify, list, logs, metadata_service, net_list, net_status, prepare, rm, run, run_prepared, status, stop,
    store_check, trust, version;

}  // namespace rkt::cmd
