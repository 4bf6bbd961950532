// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/env.h"
#include "cli/table.h"
#include "cmd/image_removal.h"
#include "cmd/image_use.h"
#include "cmd/registry.h"
#include "image/finder.h"
#include "store/gc_plan.h"
#include "sys/usage.h"
#include "tree/tree.h"

namespace rkt::cmd {
namespace {

store::GcRules rules_of(const cli::Parsed& in) {
  store::GcRules rules;
  rules.unused = in.on("unused");
  if (in.given("max-size")) rules.max_size = cli::parse_size(in.text("max-size"));
  // Age is the rule of those who name none.
  if (in.given("grace-period") || (!rules.unused && !rules.max_size)) rules.grace_period = in.duration("grace-period");
  return rules;
}

// Who frees everything that is not used, or has no room, has no use for what an abandoned download left either.
std::chrono::nanoseconds partial_life(const cli::Parsed& in) {
  if (in.on("unused") || in.given("max-size")) return {};
  if (!in.given("grace-period")) return store::Store::kPartialLife;
  return std::min<std::chrono::nanoseconds>(store::Store::kPartialLife, in.duration("grace-period"));
}

void measure(const store::Store& store, store::GcFacts& facts) {
  std::uint64_t blobs = 0;
  for (const auto& name : store.survey().blobs) {
    const auto file = store.find_blob(name);
    struct stat st{};
    if (!file || ::fstat(file->get(), &st) < 0) continue;
    blobs += facts.blob_bytes[name] = static_cast<std::uint64_t>(st.st_blocks) * 512;
  }
  const std::uint64_t all = disk_usage(store.cas());
  facts.other_bytes = all > blobs ? all - blobs : 0;
}

int run_image_gc(cli::Env& env, const cli::Parsed& in) {
  const store::GcRules rules = rules_of(in);
  const auto began = std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
  store::Store store = store::Store::open(env.data_dir());
  const std::uint64_t before = disk_usage(store.cas());
  ImageUse use;
  {
    const KeyLock lock = store::prepare_lock(env.data_dir(), LockMode::exclusive);
    use = images_in_use(env, store);
    for (const auto& id : tree::collect(store, use.trees)) env.err(cat("removed treestore ", quoted(id)));
  }
  store::GcFacts facts{.now = began, .running = use.running, .referenced = use.referenced, .blob_bytes = {}};
  if (rules.max_size) {
    store.sweep(facts.now, partial_life(in));  // what nobody names is no reason to remove an image
    measure(store, facts);
  }
  remove_images(env, store, plan_gc(store.images(), rules, facts), began);
  if (!store.sweep(facts.now, partial_life(in)).complete)
    env.err("an image is being fetched: layers of removed images stay until the next image gc");
  const std::uint64_t after = disk_usage(store.cas());
  if (after < before) env.err(cat("freed ", cli::short_size(before - after), " (", before - after, " bytes)"));
  if (rules.max_size && after > *rules.max_size)
    env.err(cat("the store still takes ", cli::short_size(after), " (", after,
                " bytes): what is left is used by pods, or being fetched"));
  return 0;
}

void check_size(const std::string& value) { cli::parse_size(value); }

cli::Flag max_size() {
  cli::Flag flag = cli::unquoted(
      cli::text("max-size", "", "remove the least recently used images until the store takes no more, like 10GiB"));
  flag.check = check_size;
  return flag;
}

}  // namespace

const cli::Command image_gc{
    .name = "image gc",
    .brief = "Garbage collect local store",
    .flags =
        [] {
          return cli::Flags{cli::duration("grace-period", "24h0m0s",
                                          "duration to wait since an image was last used before removing it"),
                            cli::toggle("unused", false, "remove all images that no pod refers to"), max_size()};
        },
    .power = cli::Command::Power::root,
    .run = run_image_gc};

}  // namespace rkt::cmd
