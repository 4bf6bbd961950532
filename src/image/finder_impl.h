// SPDX-License-Identifier: Apache-2.0
// What finder.cc (dispatch, store, dependencies), finder_aci.cc (ACIs from files, URLs and discovery), finder_oci.cc
// (registries), finder_layout.cc and finder_import.cc share.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "image/argument.h"
#include "image/download.h"
#include "image/finder.h"
#include "image/layout.h"
#include "image/pull_plan.h"
#include "image/registry_directory.h"
#include "image/trust_check.h"
#include "sys/fd.h"

namespace rkt::image {

/// A remote ACI, wherever its URL came from.
struct RemoteAci {
  std::string url, signature_url;           ///< of a local file: its path
  std::string signature_file;               ///< --signature, or ""
  std::optional<appc::AppString> expected;  ///< by name: what the image must call itself
  bool latest = false;                      ///< asked for by name without a version
};

struct Finder::Impl {
  store::Store& store;
  const keystore::Keystore* keys;
  const config::Config& config;
  FindOptions options;
  TrustCheck trust;
  OnProgress show;
  store::TimePoint started;                ///< rows written since then are as good as a download of our own
  std::optional<FetchClient> client_slot;  ///< started on first use
  RegistryDirectory registries;            ///< read on first use
  std::uint64_t last_file_size = 0;        ///< of the last ACI that was imported, as downloaded; 0: came from the store

  // finder.cc
  FetchClient& client();
  store::ImageRecord find_argument(const Request& request);
  store::ImageRecord find_id(const std::string& id);
  /// What `find` finds, held: nobody collects it while the store is open.
  template <class Find>
  store::ImageRecord held(Find&& find) const {
    for (;;) {
      store::ImageRecord image = find();
      store.hold_image(image.key);
      if (store.has(image.key)) return image;  // else it was collected in between
    }
  }
  void find_dependencies(const store::ImageRecord& image);
  store::ImageRecord find_dependency(const appc::Dependency& wanted);
  std::optional<Stored> standing_of(const std::optional<store::ImageRecord>& image,
                                    const store::RemoteRecord* row) const;
  std::optional<store::ImageRecord> stored_for(const std::optional<store::RemoteRecord>& row) const;
  /// What somebody else stored while we waited for the lock of its source, or we did ourselves; `before`: the row as it
  /// was when we began to wait.
  std::optional<store::ImageRecord> stored_meanwhile(const std::string& url,
                                                     const std::optional<store::RemoteRecord>& before) const;
  /// The row of an image with what an earlier row of the same content knows: verified stays verified.
  void record(store::ImageRecord image);

  // finder_aci.cc
  store::ImageRecord find_file(const std::string& path, const std::string& signature_file);
  store::ImageRecord find_url(const std::string& url, const std::string& signature_file);
  store::ImageRecord find_name(const appc::AppString& app, const std::string& signature_file);
  store::ImageRecord find_remote(const RemoteAci& want, const std::optional<store::ImageRecord>& known);
  /// `known`: the row of that URL; with `conditional` its image is used when the server says that it has not changed.
  store::ImageRecord fetch(const RemoteAci& want, const std::optional<store::RemoteRecord>& known, bool conditional);
  store::ImageRecord import_aci(int file, const std::string& staging, const std::optional<std::string>& signature,
                                const RemoteAci& want);
  Endpoint discover(const appc::AppString& app);
  void discover_keys(const std::string& name);
  void restore_aci(const std::string& url, const std::string& blob);

  // finder_oci.cc
  store::ImageRecord find_docker(const std::string& reference);
  bool stored_as(const store::ImageRecord& image, const std::string& reference);
  /// What a reference may mean, from the first place that has it.
  store::ImageRecord pull_any(const std::string& reference);
  /// One reference with a registry, from the first place of `registries` that has it.
  store::ImageRecord pull(const oci::Reference& ref, const std::string& typed);
  store::ImageRecord pull_from(const config::PullSource& source, const oci::Reference& ref, const std::string& typed);
  void restore_docker(const std::string& reference, const store::ImageRecord& image);
  void restore_from(const config::PullSource& source, const std::string& digest);

  // finder_layout.cc
  // `named`: the name in the store, instead of the layout's own.
  store::ImageRecord find_layout(const std::string& path, const std::string& reference,
                                 const std::optional<LayoutName>& named = std::nullopt);
  store::ImageRecord find_layout_archive(const std::string& path, const std::string& reference,
                                         const std::optional<LayoutName>& named = std::nullopt);
  /// `source`: an archive whose place is called `path`; closed when nobody needs it any more.
  store::ImageRecord import_archive(UniqueFd source, const std::string& path, const std::string& reference,
                                    const std::optional<LayoutName>& named);
  store::ImageRecord import_layout(const Layout& layout, const std::string& path, const std::string& reference,
                                   bool archive, const std::optional<LayoutName>& named);

  // finder_import.cc
  store::ImageRecord import_directory(const DirFd& dir, const std::optional<LayoutName>& named);
};

store::TimePoint now();

inline constexpr std::string_view kStandardInput = "-";  ///< as the path of an archive

/// "NAME" or "NAME:VERSION"; throws Errc::usage.
LayoutName parse_layout_name(const std::string& text);

/// "unable to fetch image from …: either image was not found in the store or …"
Error nothing_allowed(const std::string& what);

}  // namespace rkt::image
