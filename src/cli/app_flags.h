// SPDX-License-Identifier: Apache-2.0
// Flags of run and prepare -> what stage0 is asked for (cli §7.2-7.4). Pure but for reading --set-env-file. The lists
// of flags are here too, so that commands that share them cannot drift apart.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"
#include "stage0/stage0.h"

namespace rkt::cli {

Flags app_flags();      ///< per image: --exec, --mount, --memory, …; --signature too
Flags pod_flags();      ///< of run and prepare: --volume, --port, --set-env, --pull-policy, --stage1-*, …
Flags network_flags();  ///< of run and run-prepared: --net, --dns, --hostname, --interactive, …
Flag signature_flag();
Flags pull_flags(std::string_view default_policy);  ///< --pull-policy, --store-only, --no-store

/// NAME=VALUE; throws `invalid format of --FLAG flag "X"`.
appc::EnvVar parse_pair(std::string_view flag, const std::string& text);
/// Of the flags of apps and of pods: throw for what is none.
void check_annotation(const std::string& value);
void check_user_annotation(const std::string& value);
void check_user_label(const std::string& value);
/// volume=NAME,target=PATH. Throws with the reference's texts.
appc::Mount parse_mount(const std::string& text);

/// Everything of one image but the image itself (`image` and `manifest` are left empty).
stage0::AppRequest app_request(const ImageArgs& in);
/// Pod-wide part; `apps` and `stage1` are left empty. Throws also for combinations that exclude each other.
stage0::PrepareRequest pod_request(const Parsed& in);
stage0::RunOptions run_options(const Parsed& in);

// `app sandbox` and `app add`.
Flags sandbox_flags();
Flags added_app_flags();
stage0::PrepareRequest sandbox_request(const Parsed& in);
stage0::RunOptions sandbox_options(const Parsed& in);
/// --mnt-volume besides what app_request() knows.
stage0::AppRequest added_app_request(const ImageArgs& in);

/// "never", "new", "update" after the deprecated --store-only and --no-store; an unknown word is "new", as in the
/// reference.
std::string pull_policy(const Parsed& in);

}  // namespace rkt::cli
