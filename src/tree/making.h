// SPDX-License-Identifier: Apache-2.0
// One tree in the making: the directory ".ID.XXXX" of cas/tree, which a worker fills while its owner does other things.
// As one file or as directories: what the form that was chosen cannot hold takes the other, where there is a choice.
#pragma once

#include <optional>
#include <string>

#include "image/unpack_client.h"
#include "store/store.h"
#include "tree/render.h"

namespace rkt::tree {

/// The same as who decides about the order sees it (pipeline.h).
class Maker {
 public:
  Maker() = default;
  Maker(Maker&&) = delete;
  virtual ~Maker() = default;
  virtual int fd() const noexcept = 0;  ///< can be read: serve() will not wait
  /// Waits for one message of the worker. True: the tree is complete but for its name. Throws; then it is to be
  /// dropped.
  virtual bool serve() = 0;
  virtual bool needs_below() const noexcept = 0;
  /// The trees below are complete; where there are files among them this process is in a mount namespace of its own.
  virtual void give_below() = 0;
  virtual std::string take() noexcept = 0;  ///< the name of the complete tree, which is the caller's now
};

/// Under the step's tree lock. Dropped before it was taken: the worker is killed and the directory removed.
class Making final : public Maker {
 public:
  /// `below`: ready, or later where trees below are in the making themselves. Borrows `store` and `step`.
  Making(const store::Store& store, const Step& step, Backend backend, unpack::LayersBelow below);
  ~Making() override;
  int fd() const noexcept override;
  bool serve() override;
  bool needs_below() const noexcept override { return needs_below_; }
  void give_below() override;
  std::string take() noexcept override;

 private:
  void start();
  void start_again();
  bool knows_another_way(const Error& e);
  bool take_other_form(const Error& e);
  bool finish();
  void write_notes(std::uint64_t size) const;

  const store::Store& store_;
  const Step& step_;
  std::string name_;
  Backend backend_;
  unpack::LayersBelow below_;
  DirFd dir_;
  bool as_file_ = false, needs_below_ = false, taken_ = false;
  bool turned_ = false;  // it has the other form than was chosen first
  std::optional<image::Unpacking> unpacking_;
};

/// Blobs were good when they were stored: of a step whose blobs were damaged since, the error names the remedy. Reads
/// them to the end: for errors that somebody sees.
void add_remedy(const store::Store& store, const Step& step, Error& why);

}  // namespace rkt::tree
