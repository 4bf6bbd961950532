// SPDX-License-Identifier: Apache-2.0
#include "image/sign.h"

#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/env.h"
#include "cmd/output_file.h"
#include "cmd/registry.h"
#include "image/argument.h"
#include "image/progress.h"

namespace rkt::cmd {
namespace {

using Kind = image::Argument::Kind;

std::string signature_of(const std::string& aci) {
  const std::string base = aci.ends_with(".aci") ? aci.substr(0, aci.size() - 4) : aci;
  return cat(base, ".aci.asc");
}

void say(cli::Env& env, const image::Destination::Signed& made) {
  env.out(cat("signed ", made.digest, " with key ", made.key, "\n"));
}

int run_image_sign(cli::Env& env, const cli::Parsed& in) {
  if (in.args.size() != 1) throw cli::UsageWanted{};
  const std::string &key = in.text("key"), &output = in.text("output");
  if (key.empty()) throw Error(Errc::usage, "--key is needed");
  const auto argument = image::classify(in.args[0], false, image::current_directory(), image::probe_path);
  const bool aci = argument.kind == Kind::file;
  if (!output.empty() && !aci)
    throw Error(Errc::usage, "--output is for ACI files: other signatures lie beside their image");
  if (!aci && ::access(key.c_str(), R_OK) < 0) throw Error::from_errno(cat("open private key ", quoted(key)));
  if (argument.kind == Kind::docker) {
    env.warn_before_fetching();
    image::Destination registry(env.config(), env.globals().insecure, argument.text, image::progress_printer(false));
    say(env, registry.sign(key));
  } else if (argument.kind == Kind::layout) {
    say(env, image::sign_layout(argument.text, argument.reference, key));
  } else if (aci) {
    const std::string path = output.empty() ? signature_of(argument.text) : output;
    OutputFile out(path, true, "");
    const std::string signature = image::sign_file(argument.text, key);
    filling(path, [&] { write_all(out.fd(), signature, path); });
    out.commit();
    env.out(cat("wrote ", path, "\n"));
  } else {
    throw Error(Errc::usage, cat("cannot sign ", quoted(in.args[0])))
        .hint("docker://REFERENCE, oci:DIRECTORY or an ACI file is needed");
  }
  return 0;
}

}  // namespace

const cli::Command image_sign{
    .name = "image sign",
    .args = "--key=KEY IMAGE",
    .brief = "Sign an image",
    .description =
        "IMAGE is docker://REFERENCE or oci:DIRECTORY[:NAME], and KEY a file with a private key (PEM): the signature\n"
        "is cosign's and lies beside the image. Or IMAGE is an ACI file, and KEY names a key of gpg.",
    .flags =
        [] {
          return cli::Flags{cli::text("key", "", "file with the private key; for an ACI the name of a key of gpg"),
                            cli::text("output", "", "for an ACI: file of the signature, instead of the one beside it")};
        },
    .run = run_image_sign};

}  // namespace rkt::cmd
