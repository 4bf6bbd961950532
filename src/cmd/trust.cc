// SPDX-License-Identifier: Apache-2.0
#include "image/key_import.h"

#include "base/error.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/env.h"
#include "cmd/registry.h"
#include "schema/appc/types.h"

namespace rkt::cmd {
namespace {

constexpr const char* kImplicitRoot =
    "aborting due to implicit unbounded trust (root domain)\n"
    "without --prefix the key would be trusted to sign every image, whatever its name\n"
    "to trust it for some images only, give the beginning of their names:\n"
    "    rkt trust --prefix=example.com/app PUBKEY\n"
    "to trust it for all images nevertheless:\n"
    "    rkt trust --root PUBKEY";

// "https" of "https://example.com"; "" for what is a name.
std::string scheme_of(const std::string& prefix) {
  const auto end = prefix.find("://");
  return end == std::string::npos ? std::string() : prefix.substr(0, end);
}

// Which keys may be meant, refused before anything is fetched.
void check_scope(const cli::Parsed& in) {
  const std::string& prefix = in.text("prefix");
  const bool root = in.on("root");
  if (prefix.empty() && !root) {
    if (in.args.empty()) throw cli::UsageWanted{};
    throw Error(Errc::usage, kImplicitRoot);
  }
  if (!prefix.empty() && root) throw Error(Errc::usage, "--root and --prefix usage mutually exclusive");
  if (const std::string scheme = scheme_of(prefix); !scheme.empty())
    throw Error(Errc::usage, cat("--prefix must not contain a URL scheme, omit ", scheme, "://"));
}

void check_prefix(const std::string& prefix) {
  try {
    (void)appc::AcIdentifier::parse(prefix);
  } catch (Error& e) {
    throw e.hint(cat("the prefix is ", quoted(prefix), "; it covers what is below it, and has no wildcards"));
  }
  keystore::check_prefix(prefix);
}

int run_trust(cli::Env& env, const cli::Parsed& in) {
  check_scope(in);
  const auto& globals = env.globals();
  if (globals.insecure.image)
    throw Error(Errc::usage, "could not get the keystore").hint("it is not used with --insecure-options=image");
  const image::TrustOptions options{.prefix = image::name_prefix(in.text("prefix")),
                                    .allow_http = in.on("insecure-allow-http"),
                                    .skip_review = in.on("skip-fingerprint-review"),
                                    .trust_https = globals.trust_keys_from_https};
  if (!options.prefix.empty())
    in_context([] { return std::string("error adding keys"); }, [&] { check_prefix(options.prefix); });
  for (const auto& line : image::fetch_warnings({.tls = globals.insecure.tls})) log::note("image", line);
  // No credentials: neither discovery nor the keys need any here.
  image::FetchClient client({.insecure_tls = globals.insecure.tls, .allow_http = options.allow_http},
                            [](const image::Progress&) {});
  const auto locations =
      in_context([] { return std::string("error determining key location"); },
                 [&] { return in.args.empty() ? image::discover_key_locations(client, options.prefix) : in.args; });
  in_context([] { return std::string("error adding keys"); },
             [&] {
               image::add_keys(env.keystore(), client, locations, options,
                               [&](std::string_view text) { env.out(text); });
             });
  return 0;
}

}  // namespace

const cli::Command trust{
    .name = "trust",
    .args = "[--prefix=PREFIX] [--insecure-allow-http] [--skip-fingerprint-review] [--root] [PUBKEY ...]",
    .brief = "Trust a key for image verification",
    .description =
        "Adds keys to the local key store, for the verification of signed images.\n"
        "PUBKEY is a local file or a URL: OpenPGP, or PEM as cosign makes it (for Docker and OCI images). PREFIX "
        "limits a key to images whose names are PREFIX or begin with PREFIX/.\n"
        "Without PUBKEY the keys are discovered at PREFIX. --root adds keys that may sign any image.",
    .flags =
        [] {
          return cli::Flags{cli::text("prefix", "", "names of images that the key may sign: this one and all below it"),
                            cli::toggle("root", false, "add a key that may sign every image"),
                            cli::toggle("skip-fingerprint-review", false, "accept the key without asking"),
                            cli::toggle("insecure-allow-http", false, "allow http for discovery and download of keys")};
        },
    .run = run_trust};

}  // namespace rkt::cmd
