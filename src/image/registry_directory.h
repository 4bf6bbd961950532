// SPDX-License-Identifier: Apache-2.0
// What this machine says about registries: rkt's own dockerAuth, and the files of other container tools (accounts,
// mirrors, certificates). Everything is read when it is first needed, and a file that is not there costs nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/accounts.h"
#include "config/config.h"
#include "config/places.h"
#include "config/registries.h"
#include "image/fetch_client.h"
#include "schema/oci/image.h"

namespace rkt::image {

class RegistryDirectory {
 public:
  /// Borrows `config`. The places are those that this process's environment names.
  explicit RegistryDirectory(const config::Config& config);

  /// What a typed reference may stand for: itself, or, for a name without a registry, what registries.conf makes of it.
  std::vector<std::string> references(const std::string& typed);
  /// Where to pull it from, best first.
  std::vector<config::PullSource> sources(const oci::Reference& ref);
  /// What holds at a source of what `asked` names as its registry. Runs a credential helper where one is configured.
  /// Warns, once a file and host, when checks are off there.
  RegistryAccess access(const config::PullSource& source, const std::string& asked);

 private:
  const config::ToolPlaces& places();
  const config::Registries& registries();
  std::optional<config::Account> account(const std::string& host, const std::string& repository);
  std::optional<config::Account> account_in_files(const std::string& host, const std::string& repository);

  const config::Config& config_;
  std::optional<config::ToolPlaces> places_;
  std::optional<config::Registries> registries_;
  std::vector<std::string> warned_;
};

/// Docker Hub's registry has two names: as files of other tools write it, and as it is contacted.
std::string contacted_host(const std::string& host);

}  // namespace rkt::image
