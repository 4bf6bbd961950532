// SPDX-License-Identifier: Apache-2.0
// What run and prepare have in common: images found and verified, in the order of cli chapter 7.5.
#pragma once

#include "cli/command.h"
#include "cli/env.h"
#include "image/finder.h"
#include "stage0/stage0.h"
#include "store/store.h"

namespace rkt::cmd {

/// The options that finding images takes from the global flags.
image::FindOptions find_options(cli::Env& env, const std::string& pull_policy);

/// One image by name, fetched when it is not stored, verified.
store::ImageRecord find_image(cli::Env& env, store::Store& store, const std::string& argument);

/// The stage1 image that the flags or the configuration name, verified.
store::ImageRecord find_stage1(cli::Env& env, store::Store& store, const cli::Parsed& in);

/// Fills `request` with the stage1 image and the images that the command line names. `frame`: context for image errors,
/// or "".
void find_images(cli::Env& env, store::Store& store, const cli::Parsed& in, stage0::PrepareRequest& request,
                 std::string_view frame);

}  // namespace rkt::cmd
