// SPDX-License-Identifier: Apache-2.0
// Order: the index, blobs, rows, trees, so that whatever is looked at rests on what was found good or mended before.
#include "tree/check.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "image/finder.h"
#include "image/store_damage.h"
#include "tree/render.h"
#include "tree/tree.h"

namespace rkt::tree {
namespace {

using Kind = Finding::Kind;

// What the machine lacks says nothing about a tree.
bool is_machines_fault(const Error& e) {
  constexpr std::array kLacks = {ENOSPC, EDQUOT, EROFS, ENOMEM, EMFILE, ENFILE};
  return std::ranges::find(kLacks, e.sys_errno()) != kLacks.end();
}

class Check {
 public:
  Check(store::Store& store, const CheckOptions& options) : store_(store), options_(options) {}

  CheckSummary run() {
    check_index();
    check_named_blobs();
    check_other_blobs();
    check_rows();
    check_remotes();
    check_trees();
    return summary_;
  }

 private:
  void report(const Finding& finding) {
    ++summary_.findings;
    if (!finding.repaired) ++summary_.unrepaired;
    options_.report(finding);
  }

  // Reports, after `mend` has done something about it and said what.
  void report(Finding finding, const std::function<std::string()>& mend) {
    if (options_.repair) {
      try {
        finding.repair = mend();
        finding.repaired = true;
      } catch (const Error& e) {
        finding.problem += cat("; not repaired: ", e.brief());
      }
    }
    report(finding);
  }

  void check_index() {
    for (const auto& fault : store_.index_faults())
      report({.kind = Kind::index, .id = {}, .problem = fault, .repair = {}});
    std::vector<std::string> unreadable;
    images_ = store_.images(unreadable);
    summary_.images = images_.size() + unreadable.size();
    for (const auto& key : unreadable)
      report({.kind = Kind::image, .id = key, .problem = "row cannot be read", .repair = {}},
             [&] { return forget(key); });
  }

  // The image as the index has it now, when it still names the blob.
  std::optional<store::ImageRecord> current(const store::ImageRecord& image, const std::string& blob) const {
    auto now = store_.find(image.key);
    if (now && std::ranges::find(now->blobs, blob) != now->blobs.end()) return now;
    return std::nullopt;
  }

  std::string forget(const std::string& key) {
    store_.remove(key);
    return cat("removed image ", key, ", the next fetch gets it");
  }

  std::vector<store::ImageRecord> users_of(const std::string& blob) const {
    std::vector<store::ImageRecord> out;
    for (const auto& image : images_)
      if (auto now = current(image, blob)) out.push_back(std::move(*now));
    return out;
  }

  // From wherever one of the images that need it came from. Where nobody has it any more those images go, so that the
  // next fetch gets them; they may still run while somebody could not be asked.
  std::string mend_blob(const std::string& blob, image::NamedBy by, const std::vector<store::ImageRecord>& users) {
    std::string why;
    std::optional<Error> not_now;
    for (const auto& image : users) {
      try {
        return cat("fetched again from ", options_.restore(image, blob));
      } catch (const Error& e) {
        why = e.brief();
        if (!image::is_gone(e)) not_now = e;
      }
    }
    // A network may have taken minutes to say no, and somebody else may have fetched or replaced the image by now.
    if (!image::blob_damage(store_, blob, by)) return "fetched again by another rkt";
    if (not_now)
      throw Error(not_now->code(), cat("cannot be fetched again now (", not_now->brief(), "), nothing was removed"));
    store_.discard_blob(blob);
    std::string keys;
    for (const auto& image : users) {
      if (!current(image, blob)) continue;
      store_.remove(image.key);
      keys += cat(keys.empty() ? "" : ", ", quoted(image.name), " (", image.key, ")");
    }
    if (keys.empty()) return "removed, no image needs it";
    return cat("cannot be fetched again (", why, "): removed image ", keys, ", the next fetch gets it");
  }

  void check_named_blobs() {
    std::map<std::string, image::NamedBy> names;
    for (const auto& image : images_)
      for (const auto& name : image.blobs) {
        const auto by = image::named_by(image.kind);
        if (names.try_emplace(name, by).first->second != by) names[name] = image::NamedBy::either;
      }
    for (const auto& [name, by] : names) {
      named_.insert(name);
      ++summary_.blobs;
      const auto damage = image::blob_damage(store_, name, by);
      if (!damage) continue;
      const auto users = users_of(name);
      if (users.empty()) continue;  // removed meanwhile
      damaged_.insert(name);
      report({.kind = Kind::blob, .id = name, .problem = *damage, .repair = {}}, [&] {
        std::string done = mend_blob(name, by, users);
        if (!image::blob_damage(store_, name, by)) damaged_.erase(name);
        return done;
      });
    }
  }

  // What no row names is left of a fetch, and used by the next one that wants it: it must be good.
  void check_other_blobs() {
    const auto survey = store_.survey();
    for (const auto& name : survey.blobs) {
      if (named_.contains(name)) continue;
      ++summary_.blobs;
      const auto damage = image::blob_damage(store_, name, image::NamedBy::either);
      if (!damage || !store_.find_blob(name)) continue;
      report({.kind = Kind::blob, .id = name, .problem = *damage, .repair = {}}, [&] {
        store_.discard_blob(name);
        return std::string("removed, no image needs it");
      });
    }
    for (const auto& path : survey.strays) {
      if (damaged_.contains(path.substr(path.rfind('/') + 1))) continue;  // said already, as a blob
      report({.kind = Kind::stray, .id = path, .problem = "is no part of the store", .repair = {}}, [&] {
        store_.remove_stray(path);
        return std::string("removed");
      });
    }
  }

  bool rests_on_damage(const store::ImageRecord& image) const {
    return std::ranges::any_of(image.blobs, [&](const auto& blob) { return damaged_.contains(blob); });
  }

  void check_rows() {
    std::vector<store::ImageRecord> good;
    for (const auto& image : images_) {
      if (rests_on_damage(image)) continue;
      const auto row = store_.find(image.key);
      if (!row) continue;
      const auto damage = image::row_damage(store_, *row);
      const auto again = store_.find(image.key);
      if (!again) continue;
      if (damage) {
        report({.kind = Kind::image, .id = image.key, .problem = *damage, .repair = {}},
               [&] { return mend_row(*again); });
        if (!options_.repair) continue;
      }
      if (auto now = store_.find(image.key)) good.push_back(std::move(*now));
    }
    images_ = std::move(good);
  }

  std::string mend_row(const store::ImageRecord& row) {
    try {
      const auto right = image::row_from_blobs(store_, row);
      if (right.key == row.key) {
        store_.add(right);
        return "written again from its blobs";
      }
    } catch (const Error& e) {
      log::debug("store", e.brief());  // they make no image
    } catch (const std::out_of_range& e) {
      log::debug("store", e.what());
    }
    return forget(row.key);
  }

  void check_remotes() {
    for (const auto& remote : store_.remotes()) {
      if (store_.find(remote.key)) continue;
      const auto again = store_.find_remote(remote.url);
      if (!again || store_.find(again->key)) continue;  // a fetch or a removal is under way
      report({.kind = Kind::remote,
              .id = remote.url,
              .problem = cat("names image ", quoted(remote.key), ", which is not here"),
              .repair = {}},
             [&] {
               store_.remove_remote(remote.url);
               return std::string("removed");
             });
    }
  }

  // Nothing was rendered of an image whose dependency is gone, or that depends on itself.
  bool can_be_rendered(const store::ImageRecord& image) const {
    try {
      (void)plan(store_, image);
      return true;
    } catch (const Error& e) {
      if (e.code() != Errc::not_found && e.code() != Errc::invalid) throw;
      log::debug("store", cat("not rendered: ", e.brief()));
      return false;
    }
  }

  void check_trees() {
    std::set<std::string> seen;
    for (const auto& image : images_) {
      try {
        if (!can_be_rendered(image)) continue;
        for (const auto& damage : inspect(store_, image, options_.repair, seen))
          report({.kind = Kind::tree,
                  .id = damage.id,
                  .problem = damage.what,
                  .repair = damage.replaced ? "rendered again" : "",
                  .repaired = damage.replaced});
      } catch (const Error& e) {
        if (is_machines_fault(e)) throw;
        if (e.code() == Errc::not_found || !store_.find(image.key)) continue;  // removed while we looked
        report({.kind = Kind::tree, .id = image.key, .problem = cat("cannot be compared: ", e.brief()), .repair = {}});
      }
    }
    summary_.trees = seen.size();
    for (const auto& name : stray_names(store_))
      report({.kind = Kind::stray, .id = cat("tree/", name), .problem = "is no part of the store", .repair = {}}, [&] {
        store_.trees().remove_tree(name);
        return std::string("removed");
      });
  }

  store::Store& store_;
  const CheckOptions& options_;
  CheckSummary summary_;
  std::vector<store::ImageRecord> images_;
  std::set<std::string> named_, damaged_;
};

}  // namespace

std::string_view kind_name(Finding::Kind kind) {
  switch (kind) {
    case Kind::index:
      return "index";
    case Kind::blob:
      return "blob";
    case Kind::image:
      return "image";
    case Kind::remote:
      return "remote";
    case Kind::tree:
      return "tree";
    case Kind::stray:
      return "stray";
  }
  return "";
}

CheckSummary check(store::Store& store, const CheckOptions& options) { return Check(store, options).run(); }

}  // namespace rkt::tree
