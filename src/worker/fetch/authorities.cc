// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/authorities.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "base/error.h"
#include "base/scope.h"
#include "base/strings.h"
#include "sys/file.h"
#include "worker/fetch/protocol.h"

namespace rkt::fetch {
namespace {

using Bio = Owned<BIO, &BIO_free_all>;
using Method = Owned<X509_LOOKUP_METHOD, &X509_LOOKUP_meth_free>;
using X509Store = Owned<X509_STORE, &X509_STORE_free>;

void free_infos(STACK_OF(X509_INFO) * infos) { sk_X509_INFO_pop_free(infos, X509_INFO_free); }
using Infos = Owned<STACK_OF(X509_INFO), &free_infos>;

void set(CURL* easy, CURLoption option, auto value) {
  if (const CURLcode r = curl_easy_setopt(easy, option, value); r != CURLE_OK)
    throw Error(Errc::system, cat("set up certificates: ", curl_easy_strerror(r)));
}

}  // namespace

struct Authorities::Store {
  std::string pem;
  bool read = false;
  Method method{X509_LOOKUP_meth_new("authorities")};
  X509Store store{X509_STORE_new()};

  bool set_up();
  void read_all();
  static CURLcode on_context(CURL* easy, void* context, void* self) noexcept;
  static int find(X509_LOOKUP* lookup, X509_LOOKUP_TYPE type, const X509_NAME* subject, X509_OBJECT* found) noexcept;
};

bool Authorities::Store::set_up() {
  if (!method || !store || X509_LOOKUP_meth_set_get_by_subject(method.get(), &find) != 1) return false;
  // As libcurl has it: an authority that another one signed may be all that is trusted.
  if (X509_STORE_set_flags(store.get(), X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN) != 1) return false;
  const char* directory = curl_version_info(CURLVERSION_NOW)->capath;
  if (pem.empty() && directory != nullptr) {
    X509_LOOKUP* hashed = X509_STORE_add_lookup(store.get(), X509_LOOKUP_hash_dir());
    if (hashed == nullptr || X509_LOOKUP_add_dir(hashed, directory, X509_FILETYPE_PEM) != 1) return false;
  }
  X509_LOOKUP* all = X509_STORE_add_lookup(store.get(), method.get());
  return all != nullptr && X509_LOOKUP_set_method_data(all, this) == 1;
}

void Authorities::Store::read_all() {
  read = true;
  if (pem.empty()) pem = system_certificates();
  const Bio bytes(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const Infos infos(bytes ? PEM_X509_INFO_read_bio(bytes.get(), nullptr, nullptr, nullptr) : nullptr);
  for (int i = 0; infos && i < sk_X509_INFO_num(infos.get()); ++i) {
    const X509_INFO* info = sk_X509_INFO_value(infos.get(), i);
    if (info->x509 != nullptr) X509_STORE_add_cert(store.get(), info->x509);
    if (info->crl != nullptr) X509_STORE_add_crl(store.get(), info->crl);
  }
  ERR_clear_error();  // a file without certificates trusts nobody
}

// Asked for what is not in the store. 1: found.
int Authorities::Store::find(X509_LOOKUP* lookup, X509_LOOKUP_TYPE type, const X509_NAME* subject,
                             X509_OBJECT* found) noexcept {
  auto& self = *static_cast<Store*>(X509_LOOKUP_get_method_data(lookup));
  if (type != X509_LU_X509 || self.read) return 0;
  try {
    self.read_all();
  } catch (...) {
    return 0;  // then nobody is trusted, and the error says so
  }
  X509_OBJECT* object = X509_OBJECT_retrieve_by_subject(X509_STORE_get0_objects(self.store.get()), type, subject);
  if (object == nullptr) return 0;
  X509* certificate = X509_OBJECT_get0_X509(object);
  if (X509_OBJECT_set1_X509(found, certificate) != 1) return 0;
  X509_free(certificate);  // `found` borrows it from the store: who asked takes a reference of its own
  return 1;
}

CURLcode Authorities::Store::on_context(CURL* /*easy*/, void* context, void* self) noexcept {
  SSL_CTX_set1_cert_store(static_cast<SSL_CTX*>(context), static_cast<Store*>(self)->store.get());
  return CURLE_OK;
}

Authorities::Authorities(std::string pem) : store_(new Store{.pem = std::move(pem)}) {
  if (!store_->set_up()) throw Error(Errc::system, "set up certificates");
}
Authorities::~Authorities() = default;

bool Authorities::were_read() const noexcept { return store_->read; }

void Authorities::use_for(CURL* easy) {
  set(easy, CURLOPT_CAINFO, static_cast<const char*>(nullptr));
  set(easy, CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  // The library would keep the first store of a multi handle for every host, since all name the same (no) file.
  set(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
  set(easy, CURLOPT_SSL_CTX_FUNCTION, &Store::on_context);
  set(easy, CURLOPT_SSL_CTX_DATA, static_cast<void*>(store_.get()));
}

std::string system_certificates() {
  const curl_version_info_data* info = curl_version_info(CURLVERSION_NOW);
  if (info->age < CURLVERSION_SEVENTH || info->cainfo == nullptr) return {};
  try {
    return read_file(info->cainfo, kMaxCertificates);
  } catch (const Error& e) {
    if (e.code() == Errc::not_found) return {};
    throw;
  }
}

}  // namespace rkt::fetch
