// SPDX-License-Identifier: Apache-2.0
#include "tree/early.h"

#include "base/log.h"
#include "base/strings.h"

namespace rkt::tree {

void EarlyTrees::begin(const store::ImageRecord& image, const oci::Manifest& manifest, const oci::Config& config) {
  pipeline_.reset();
  if (!may_render()) return;
  try {
    pipeline_.emplace(store_, plan_layers(image, manifest, config), options_);
  } catch (const Error& e) {
    give_up(e);
  }
}

void EarlyTrees::work_until(int fd) {
  while (start()) {
    std::vector<pollfd> wanted{{.fd = fd, .events = POLLIN, .revents = 0}};
    pipeline_->add_to(wanted);
    if (::poll(wanted.data(), wanted.size(), -1) < 0 && errno != EINTR) return give_up(Error::from_errno("poll"));
    if (!serve() || wanted.front().revents != 0) return;
  }
}

void EarlyTrees::finish(const store::ImageRecord& image) {
  while (start()) {
    std::vector<pollfd> wanted;
    pipeline_->add_to(wanted);
    if (::poll(wanted.data(), wanted.size(), -1) < 0 && errno != EINTR) give_up(Error::from_errno("poll"));
    if (!serve()) break;
  }
  pipeline_.reset();  // and with it the locks that render() takes
  render_fetched(store_, image, options_);
}

// False: nothing is in progress.
bool EarlyTrees::start() {
  try {
    if (pipeline_) pipeline_->start();
  } catch (const Error& e) {
    give_up(e);
  }
  return pipeline_ && pipeline_->in_progress();
}

bool EarlyTrees::serve() {
  try {
    if (pipeline_) pipeline_->serve();
  } catch (const Error& e) {
    give_up(e);
  }
  return pipeline_.has_value();
}

void EarlyTrees::give_up(const Error& why) {
  log::debug("tree", cat("layers are unpacked when all of them are there: ", why.brief()));
  pipeline_.reset();
}

}  // namespace rkt::tree
