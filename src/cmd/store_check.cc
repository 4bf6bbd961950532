// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/env.h"
#include "cmd/pod_request.h"
#include "cmd/registry.h"
#include "image/finder.h"
#include "json/value.h"
#include "tree/check.h"

namespace rkt::cmd {
namespace {

std::string line_of(const tree::Finding& f) {
  return cat(tree::kind_name(f.kind), f.id.empty() ? "" : " ", f.id, ": ", f.problem, f.repair.empty() ? "" : "; ",
             f.repair, "\n");
}

json::Value finding_json(const tree::Finding& f) {
  json::Object o;
  o.set("kind", std::string(tree::kind_name(f.kind)));
  o.set("id", f.id);
  o.set("problem", f.problem);
  o.set("repaired", f.repaired);
  if (!f.repair.empty()) o.set("repair", f.repair);
  return o;
}

json::Value summary_json(const tree::CheckSummary& summary, json::Array findings) {
  json::Object o;
  o.set("images", std::uint64_t{summary.images});
  o.set("blobs", std::uint64_t{summary.blobs});
  o.set("trees", std::uint64_t{summary.trees});
  o.set("findings", std::move(findings));
  return o;
}

int run_store_check(cli::Env& env, const cli::Parsed& in) {
  if (!in.args.empty()) throw cli::UsageWanted{};
  store::Store store = store::Store::open(env.data_dir());
  const std::string& format = in.text("format");
  json::Array findings;
  tree::CheckOptions options;
  options.repair = in.on("repair");
  options.report = [&](const tree::Finding& f) {
    if (format.empty())
      env.report(line_of(f));
    else
      findings.emplace_back(finding_json(f));
  };
  std::optional<keystore::Keystore> keys;
  std::optional<image::Finder> finder;
  options.restore = [&](const store::ImageRecord& image, const std::string& blob) {
    if (!finder) {
      keys = env.keystore();
      finder.emplace(store, &*keys, env.config(), find_options(env, "update"));
    }
    return finder->restore(image, blob);
  };
  const tree::CheckSummary summary = tree::check(store, options);
  if (!format.empty())
    env.out(json::write(summary_json(summary, std::move(findings)),
                        format == "json-pretty" ? json::Style::pretty : json::Style::compact) +
            "\n");
  if (summary.unrepaired == 0) return 0;
  Error e(Errc::invalid, cat(summary.unrepaired, " problem(s) found in the store"));
  if (!options.repair) e.hint("`rkt store check --repair` mends what can be mended");
  throw e;
}

}  // namespace

const cli::Command store_check{
    .name = "store check",
    .brief = "Look for damage in the local store",
    .description =
        "Compares every blob with its digest, every image with its blobs, and every rendered file system with\n"
        "what its blobs render to. Prints a line for each problem.",
    .flags =
        [] {
          return cli::Flags{cli::toggle("repair", false, "fetch or render again what is damaged, and nothing else"),
                            cli::format()};
        },
    .power = cli::Command::Power::root,
    .run = run_store_check};

}  // namespace rkt::cmd
