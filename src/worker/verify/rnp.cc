// SPDX-License-Identifier: Apache-2.0
#include "worker/verify/rnp.h"

#include <rnp/rnp_err.h>
#include <unistd.h>

#include <cerrno>

#include "base/printable.h"
#include "base/strings.h"
#include "worker/verify/protocol.h"

namespace rkt::verify::rnp {
namespace {

using Input = Owned<rnp_input_t, rnp_input_destroy>;
using Output = Owned<rnp_output_t, rnp_output_destroy>;

// An exported key is bounded by what could be read in, plus armor.
constexpr std::size_t kMaxExport = 2 * kMaxKeyFileBytes;

void check(rnp_result_t result, std::string_view doing) {
  if (result == RNP_SUCCESS) return;
  if (result == RNP_ERROR_OUT_OF_MEMORY) throw Error(Errc::system, cat("openpgp: ", doing, ": out of memory"));
  throw Error(Errc::invalid, cat("openpgp: ", doing, ": ", rnp_result_to_string(result)));
}

std::string take_text(char* raw) {
  const Owned<char, rnp_buffer_destroy> owned(raw);
  return raw == nullptr ? std::string() : std::string(raw);
}

using Question = rnp_result_t (*)(rnp_key_handle_t, bool*);
bool ask(rnp_key_handle_t key, Question question) {
  bool answer = false;
  check(question(key, &answer), "ask about a key");
  return answer;
}

Input memory_input(std::string_view bytes) {
  rnp_input_t raw = nullptr;
  check(rnp_input_from_memory(&raw, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(), false),
        "open a buffer");
  return Input(raw);
}

// Where a reading callback stands; `error` is what ended it early.
struct Cursor {
  std::optional<int> fd;
  off_t offset = 0;
  int error = 0;
};

bool read_some(void* context, void* buffer, std::size_t size, std::size_t* got) noexcept {
  auto& cursor = *static_cast<Cursor*>(context);
  *got = 0;
  while (cursor.fd) {
    const ssize_t n = ::pread(*cursor.fd, buffer, size, cursor.offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      cursor.error = errno;
      return false;
    }
    cursor.offset += n;
    *got = static_cast<std::size_t>(n);
    break;
  }
  return true;
}

}  // namespace

bool Key::is_primary() const { return ask(handle_.get(), rnp_key_is_primary); }
bool Key::valid() const { return ask(handle_.get(), rnp_key_is_valid); }
bool Key::expired() const { return ask(handle_.get(), rnp_key_is_expired); }
bool Key::revoked() const { return ask(handle_.get(), rnp_key_is_revoked); }

bool Key::may_sign() const {
  bool answer = false;
  check(rnp_key_allows_usage(handle_.get(), "sign", &answer), "ask about a key");
  return answer;
}

std::string Key::fingerprint() const {
  char* raw = nullptr;
  check(rnp_key_get_fprint(handle_.get(), &raw), "read a fingerprint");
  return lower(take_text(raw));
}

std::string Key::primary_fingerprint() const {
  if (is_primary()) return fingerprint();
  char* raw = nullptr;
  const rnp_result_t result = rnp_key_get_primary_fprint(handle_.get(), &raw);
  return result == RNP_SUCCESS ? lower(take_text(raw)) : std::string();
}

std::vector<std::string> Key::subkeys() const {
  std::size_t count = 0;
  check(rnp_key_get_subkey_count(handle_.get(), &count), "count subkeys");
  if (count > kMaxSubkeys) throw Error(Errc::invalid, cat("openpgp: more than ", kMaxSubkeys, " subkeys"));
  std::vector<std::string> out;
  for (std::size_t i = 0; i < count; ++i) {
    rnp_key_handle_t raw = nullptr;
    check(rnp_key_get_subkey_at(handle_.get(), i, &raw), "read a subkey");
    out.push_back(Key(raw).fingerprint());
  }
  return out;
}

std::vector<std::string> Key::revocations() const {
  std::vector<std::string> out;
  if (revoked()) out.push_back(fingerprint());
  std::size_t count = 0;
  check(rnp_key_get_subkey_count(handle_.get(), &count), "count subkeys");
  for (std::size_t i = 0; i < std::min(count, kMaxSubkeys); ++i) {
    rnp_key_handle_t raw = nullptr;
    check(rnp_key_get_subkey_at(handle_.get(), i, &raw), "read a subkey");
    const Key key(raw);
    if (key.revoked()) out.push_back(key.fingerprint());
  }
  return out;
}

std::vector<std::string> Key::identities() const {
  std::size_t count = 0;
  check(rnp_key_get_uid_count(handle_.get(), &count), "count user ids");
  std::vector<std::string> out;
  for (std::size_t i = 0; i < count && out.size() < kMaxIdentities; ++i) {
    rnp_uid_handle_t raw = nullptr;
    check(rnp_key_get_uid_handle_at(handle_.get(), i, &raw), "read a user id");
    const Owned<rnp_uid_handle_t, rnp_uid_handle_destroy> uid(raw);
    std::uint32_t type = 0;
    bool valid = false, revoked = false;
    check(rnp_uid_get_type(raw, &type), "read a user id");
    check(rnp_uid_is_valid(raw, &valid), "read a user id");
    check(rnp_uid_is_revoked(raw, &revoked), "read a user id");
    if (type != RNP_USER_ID || !valid || revoked) continue;
    void* data = nullptr;
    std::size_t size = 0;
    check(rnp_uid_get_data(raw, &data, &size), "read a user id");
    const Owned<void, rnp_buffer_destroy> owned(data);
    out.push_back(printable({static_cast<const char*>(data), size}, kMaxIdentityBytes));
  }
  return out;
}

std::string Key::exported(Form form) const {
  rnp_output_t raw = nullptr;
  check(rnp_output_to_memory(&raw, kMaxExport), "export a key");
  const Output output(raw);
  const std::uint32_t armored = form == Form::armored ? RNP_KEY_EXPORT_ARMORED : 0;
  check(rnp_key_export(handle_.get(), raw, RNP_KEY_EXPORT_PUBLIC | RNP_KEY_EXPORT_SUBKEYS | armored), "export a key");
  std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
  check(rnp_output_memory_get_buf(raw, &bytes, &size, false), "export a key");
  return {reinterpret_cast<const char*>(bytes), size};
}

Ring::Ring() {
  rnp_ffi_t raw = nullptr;
  check(rnp_ffi_create(&raw, "GPG", "GPG"), "open a key ring");
  ffi_.reset(raw);
  // librnp's own rules date weak digests by the time that a signature claims for itself; ours hold whatever it claims.
  for (const char* hash : {"MD5", "RIPEMD160"})
    check(rnp_add_security_rule(raw, RNP_FEATURE_HASH_ALG, hash, RNP_SECURITY_OVERRIDE, 0, RNP_SECURITY_INSECURE),
          "set a rule");
  check(rnp_add_security_rule(raw, RNP_FEATURE_HASH_ALG, "SHA1", RNP_SECURITY_OVERRIDE | RNP_SECURITY_VERIFY_DATA, 0,
                              RNP_SECURITY_INSECURE),
        "set a rule");
}

void Ring::load(std::string_view packets) const {
  const Input input = memory_input(packets);
  check(rnp_import_keys(get(), input.get(), RNP_LOAD_SAVE_PUBLIC_KEYS | RNP_LOAD_SAVE_PERMISSIVE, nullptr),
        "read keys");
}

std::vector<std::string> Ring::primaries() const {
  rnp_identifier_iterator_t raw = nullptr;
  check(rnp_identifier_iterator_create(get(), &raw, "fingerprint"), "list keys");
  const Owned<rnp_identifier_iterator_t, rnp_identifier_iterator_destroy> iterator(raw);
  std::vector<std::string> out;
  for (;;) {
    const char* fingerprint = nullptr;
    check(rnp_identifier_iterator_next(raw, &fingerprint), "list keys");
    if (fingerprint == nullptr) return out;
    // Older versions have other fingerprints (version 3: 32 digits), and MD5 in them.
    const std::string id = lower(fingerprint);
    if (id.size() == 40 && find_fingerprint(id).is_primary()) out.push_back(id);
  }
}

Key Ring::find(const char* kind, const std::string& id) const {
  if (id.empty()) return {};
  rnp_key_handle_t raw = nullptr;
  check(rnp_locate_key(get(), kind, id.c_str(), &raw), "find a key");
  return Key(raw);
}

Verification::Verification(const Ring& ring, std::optional<int> data, std::string_view packets) {
  Cursor cursor{.fd = data};
  rnp_input_t raw_data = nullptr;
  check(rnp_input_from_callback(&raw_data, read_some, nullptr, &cursor), "open the data");
  const Input input(raw_data);
  const Input signature = memory_input(packets);
  rnp_op_verify_t raw = nullptr;
  check(rnp_op_verify_detached_create(&raw, ring.get(), raw_data, signature.get()), "prepare the verification");
  op_.reset(raw);
  // The result says only whether one signature was good: each is asked for its own status. Data that could not be read
  // to its end must not pass for shorter data.
  (void)rnp_op_verify_execute(raw);
  if (cursor.error != 0) throw Error::from_errno("read the signed data", cursor.error);
}

Verification Verification::of_message(const Ring& ring, std::string_view message, std::size_t limit) {
  Verification out;
  const Input input = memory_input(message);
  rnp_output_t raw_output = nullptr;
  check(rnp_output_to_memory(&raw_output, limit), "open a buffer");
  const Output output(raw_output);
  rnp_op_verify_t raw = nullptr;
  check(rnp_op_verify_create(&raw, ring.get(), input.get(), raw_output), "prepare the verification");
  out.op_.reset(raw);
  (void)rnp_op_verify_execute(raw);  // each signature is asked for its own status
  std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
  // An output that nothing was written to is an error of its own kind.
  if (rnp_output_memory_get_buf(raw_output, &bytes, &size, false) == RNP_SUCCESS)
    out.content_.assign(reinterpret_cast<const char*>(bytes), size);
  return out;
}

std::string Verification::key_id(std::size_t index) const {
  rnp_signature_handle_t raw = nullptr;
  check(rnp_op_verify_signature_get_handle(at(index), &raw), "read a signature");
  const Owned<rnp_signature_handle_t, rnp_signature_handle_destroy> signature(raw);
  char* id = nullptr;
  check(rnp_signature_get_keyid(raw, &id), "read a signature");
  return lower(take_text(id));
}

bool Verification::expired_at(std::size_t index, std::uint64_t now) const {
  std::uint32_t created = 0, lifetime = 0;
  check(rnp_op_verify_signature_get_times(at(index), &created, &lifetime), "read a signature");
  return lifetime != 0 && now >= std::uint64_t{created} + lifetime;
}

std::size_t Verification::count() const {
  std::size_t count = 0;
  check(rnp_op_verify_get_signature_count(op_.get(), &count), "count signatures");
  return count;
}

rnp_op_verify_signature_t Verification::at(std::size_t index) const {
  rnp_op_verify_signature_t signature = nullptr;
  check(rnp_op_verify_get_signature_at(op_.get(), index, &signature), "read a signature");
  return signature;
}

Status Verification::status(std::size_t index) const {
  const rnp_result_t status = rnp_op_verify_signature_get_status(at(index));
  if (status == RNP_SUCCESS) return Status::good;
  return status == RNP_ERROR_SIGNATURE_EXPIRED ? Status::expired : Status::bad;
}

Key Verification::key(std::size_t index) const {
  rnp_key_handle_t raw = nullptr;
  const rnp_result_t result = rnp_op_verify_signature_get_key(at(index), &raw);
  return result == RNP_SUCCESS ? Key(raw) : Key();
}

}  // namespace rkt::verify::rnp
