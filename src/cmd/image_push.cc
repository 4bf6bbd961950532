// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/env.h"
#include "cmd/registry.h"
#include "image/finder.h"
#include "image/progress.h"
#include "image/sign.h"

namespace rkt::cmd {
namespace {

constexpr std::string_view kScheme = "docker://";

int run_image_push(cli::Env& env, const cli::Parsed& in) {
  if (in.args.size() != 2) throw cli::UsageWanted{};
  const std::string& to = in.args[1];
  if (!to.starts_with(kScheme))
    throw Error(Errc::usage, cat("cannot push to ", quoted(to))).hint("docker://HOST/REPOSITORY[:TAG] is needed");
  const store::Store store = store::Store::open(env.data_dir());
  const auto record = image::lookup(store, in.args[0]);
  if (record.kind == store::ImageKind::aci)
    throw Error(Errc::unsupported, cat("image ", quoted(record.name), " is an ACI, which a registry does not take"))
        .hint("put the file and its signature on a web server");
  env.warn_before_fetching();
  image::Destination registry(env.config(), env.globals().insecure, to.substr(kScheme.size()),
                              image::progress_printer(false));
  const std::string& key = in.text("sign-key");
  if (key.empty() && in.given("sign-key")) throw Error(Errc::usage, "--sign-key names no file");  // an unset variable
  std::optional<image::MadeSignature> made;  // first: a key that cannot be used is no reason to have pushed half
  if (!key.empty()) made = registry.make(key, image::manifest_digest(record));
  const std::string digest = registry.push(store, record);
  env.report(cat("pushed ", digest, "\n"));
  if (!made) return 0;
  registry.attach(digest, *made);
  env.out(cat("signed ", digest, " with key ", made->key, "\n"));
  return 0;
}

}  // namespace

const cli::Command image_push{
    .name = "image push",
    .args = "IMAGE docker://HOST/REPOSITORY[:TAG]",
    .brief = "Push a stored Docker or OCI image to a registry",
    .description =
        "Layers, configuration and manifest are sent as they were fetched; what the registry has is not sent again.",
    .flags =
        [] {
          return cli::Flags{cli::text("sign-key", "", "sign what was pushed with the private key in this file (PEM)")};
        },
    .run = run_image_push};

}  // namespace rkt::cmd
