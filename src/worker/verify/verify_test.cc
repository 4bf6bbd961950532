// SPDX-License-Identifier: Apache-2.0
// Keys and signatures are made by gpg in a home of their own: the other implementation is what we must agree with.
#include "worker/verify/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "base/error.h"
#include "base/strings.h"
#include "sys/file.h"
#include "sys/spawn.h"
#include "sys/tempdir.h"

namespace rkt::verify {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* kLongAgo = "--faked-system-time=20200101T000000!";

std::string tool(const char* name, const std::string& home, std::vector<std::string> args) {
  args.insert(args.begin(), name);
  const UniqueFd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  return run_for_output({.exe = cat("/usr/bin/", name),
                         .argv = std::move(args),
                         .env = {cat("GNUPGHOME=", home), "PATH=/usr/bin:/bin"},
                         .err = null.get()});
}

class Verify : public testing::Test {
 protected:
  static void SetUpTestSuite() { home_ = std::make_unique<TempDir>(); }
  static void TearDownTestSuite() {
    tool("gpgconf", home_->path(), {"--kill", "all"});
    home_.reset();
  }
  void SetUp() override {
    if (::access("/usr/bin/gpg", X_OK) != 0) GTEST_SKIP() << "gpg is not installed";
    write_file(home_->dir(), "data", kText, 0600);
  }

  static std::string gpg(std::vector<std::string> args) {
    args.insert(args.begin(), {"--batch", "--yes", "--quiet", "--pinentry-mode=loopback", "--passphrase="});
    return tool("gpg", home_->path(), std::move(args));
  }
  static std::string make_key(const std::string& name, const std::string& expire = "never",
                              std::vector<std::string> more = {}, const std::string& usage = "sign") {
    more.insert(more.end(), {"--quick-generate-key", cat(name, " <", name, "@example.com>"), "ed25519", usage, expire});
    gpg(more);
    return fingerprint(name);
  }
  static std::string fingerprint(const std::string& name, const char* record = "pub") {
    bool next = false;
    const std::string listing = gpg({"--with-colons", "--list-keys", name});
    for (const auto line : split(listing, '\n')) {
      const auto fields = split(line, ':');
      if (fields[0] == record) next = true;
      if (fields[0] == "fpr" && next) return lower(fields.at(9));
    }
    throw Error(Errc::not_found, name);
  }
  static std::string exported(const std::string& name) { return gpg({"--armor", "--export", name}); }
  static std::string sign(const std::string& name, std::vector<std::string> more = {"--armor"}) {
    more.insert(more.begin(), {"--local-user", name, "--output", "-"});
    more.insert(more.end(), {"--detach-sign", home_->path() + "/data"});
    return gpg(more);
  }
  static RingFile key(const std::string& name) { return {fingerprint(name), exported(name)}; }
  static Result check(const std::string& signature, const std::vector<RingFile>& ring, std::string_view data = kText) {
    return verify_detached(memory_file("data", data).get(), signature, ring);
  }

  static constexpr std::string_view kText = "the bytes of an image\r\n with lines \n";
  static std::unique_ptr<TempDir> home_;
};
std::unique_ptr<TempDir> Verify::home_;

TEST_F(Verify, AcceptsAnArmoredAndABinarySignatureOfAKeyInTheRing) {
  const std::string fpr = make_key("good");
  for (const auto& signature : {sign("good"), sign("good", {})}) {
    const Result r = check(signature, {key("good")});
    EXPECT_EQ(r.why, Why::ok);
    EXPECT_EQ(r.fingerprint, fpr);
    EXPECT_THAT(r.identities, ElementsAre("good <good@example.com>"));
  }
}

TEST_F(Verify, ReadsTheDataFromItsStartAndLeavesItsPositionAlone) {
  make_key("position");
  const UniqueFd data = memory_file("data", kText);
  ASSERT_EQ(::lseek(data.get(), 5, SEEK_SET), 5);
  EXPECT_EQ(verify_detached(data.get(), sign("position"), {key("position")}).why, Why::ok);
  EXPECT_EQ(::lseek(data.get(), 0, SEEK_CUR), 5);
}

TEST_F(Verify, ThrowsWhenTheDataCannotBeRead) {
  make_key("unreadable");
  const Pipe pipe = Pipe::make();
  EXPECT_THROW(verify_detached(pipe.read_end.get(), sign("unreadable"), {key("unreadable")}), Error);
}

TEST_F(Verify, RefusesChangedAndShortenedData) {
  make_key("tamper");
  const std::string signature = sign("tamper");
  EXPECT_EQ(check(signature, {key("tamper")}, "other bytes").why, Why::bad_signature);
  EXPECT_EQ(check(signature, {key("tamper")}, kText.substr(1)).why, Why::bad_signature);
  EXPECT_EQ(check(signature, {key("tamper")}, "").why, Why::bad_signature);
}

TEST_F(Verify, NamesTheKeyIdOfAnIssuerThatIsNotInTheRing) {
  const std::string fpr = make_key("stranger");
  make_key("insider");
  const std::string signature = sign("stranger");
  for (const auto& r :
       {check(signature, {key("insider")}), check(signature, {}), check_issuer(signature, {key("insider")})}) {
    EXPECT_EQ(r.why, Why::unknown_issuer);
    EXPECT_EQ(r.fingerprint, fpr.substr(24));
  }
}

TEST_F(Verify, RefusesASignatureCutAnywhere) {
  make_key("cut");
  const std::string armored = sign("cut"), binary = sign("cut", {});
  const std::vector<RingFile> ring = {key("cut")};
  for (std::size_t n = 0; n < binary.size(); ++n)
    EXPECT_EQ(check(binary.substr(0, n), ring).why, Why::no_signature) << n;
  for (std::size_t n = 0; n + 30 < armored.size(); n += 7)
    EXPECT_EQ(check(armored.substr(0, n), ring).why, Why::no_signature) << n;
}

TEST_F(Verify, NeverAcceptsASignatureWithAnyByteChanged) {
  const std::string fpr = make_key("flip");
  const std::string binary = sign("flip", {});
  const std::vector<RingFile> ring = {key("flip")};
  for (std::size_t i = 0; i < binary.size(); ++i) {
    std::string bad = binary;
    bad[i] = static_cast<char>(bad[i] ^ 0x41);
    const Result r = check(bad, ring);
    // The unhashed issuer and the length prefix's redundancy may change without effect, but then the key is still ours.
    EXPECT_TRUE(r.why != Why::ok || r.fingerprint == fpr) << i;
  }
}

TEST_F(Verify, RefusesAKeyThatHasExpiredEvenForASignatureMadeBefore) {
  make_key("expired", "1d", {kLongAgo});
  const std::string signature = sign("expired", {"--armor", kLongAgo});
  EXPECT_EQ(check(signature, {key("expired")}).why, Why::expired_key);
  EXPECT_EQ(check_issuer(signature, {key("expired")}).why, Why::expired_key);
}

TEST_F(Verify, SaysThatASignatureWasMadeInTextMode) {
  make_key("texter");
  const std::string signature = sign("texter", {"--armor", "--textmode"});
  Result r = check(signature, {key("texter")}, "another text");
  EXPECT_EQ(r.why, Why::text_mode);
}

TEST_F(Verify, RefusesASignatureThatHasExpired) {
  make_key("brief", "never", {kLongAgo});
  const std::string signature = sign("brief", {"--armor", kLongAgo, "--default-sig-expire=1d"});
  EXPECT_EQ(check(signature, {key("brief")}).why, Why::expired_signature);
  EXPECT_EQ(check_issuer(signature, {key("brief")}).why, Why::expired_signature);
}

TEST_F(Verify, RefusesARevokedKeyForAllItsSignatures) {
  const std::string fpr = make_key("revoked");
  const std::string signature = sign("revoked");
  std::string upper = fpr;
  for (char& c : upper) c = static_cast<char>(c >= 'a' ? c - 'a' + 'A' : c);
  std::string certificate = read_file(cat(home_->path(), "/openpgp-revocs.d/", upper, ".rev"));
  certificate.erase(certificate.find(":-----BEGIN"), 1);  // gpg disarms it with a colon
  write_file(home_->dir(), "rev", certificate, 0600);
  gpg({"--import", home_->path() + "/rev"});
  EXPECT_EQ(check(signature, {key("revoked")}).why, Why::revoked_key);
  EXPECT_EQ(check_issuer(signature, {key("revoked")}).why, Why::revoked_key);
  EXPECT_THAT(inspect(exported("revoked")).at(0).revoked, ElementsAre(fpr));
}

TEST_F(Verify, MapsASigningSubkeyToItsPrimaryKey) {
  const std::string fpr = make_key("primary", "never", {}, "cert");
  gpg({"--quick-add-key", fpr, "ed25519", "sign", "never"});
  const std::string signature = sign("primary");
  const Result r = check(signature, {key("primary")});
  EXPECT_EQ(r.why, Why::ok);
  EXPECT_EQ(r.fingerprint, fpr);
  EXPECT_EQ(check_issuer(signature, {key("primary")}).why, Why::ok);
  EXPECT_THAT(inspect(exported("primary")).at(0).subkeys, ElementsAre(fingerprint("primary", "sub")));
}

TEST_F(Verify, RefusesAnExpiredSubkeyOfAValidPrimaryKey) {
  const std::string fpr = make_key("oldsub", "never", {kLongAgo}, "cert");
  gpg({kLongAgo, "--quick-add-key", fpr, "ed25519", "sign", "1d"});
  EXPECT_EQ(check(sign("oldsub", {kLongAgo}), {key("oldsub")}).why, Why::expired_key);
}

TEST_F(Verify, RefusesWeakDigestsWhateverTimeTheSignatureClaims) {
  make_key("weak", "never", {kLongAgo});
  gpg({kLongAgo, "--quick-generate-key", "weakrsa", "rsa2048", "sign", "never"});
  for (const char* digest : {"SHA1", "MD5", "RIPEMD160"}) {
    const std::string signature =
        sign("weakrsa", {"--armor", kLongAgo, "--allow-weak-digest-algos", cat("--digest-algo=", digest)});
    EXPECT_EQ(check(signature, {key("weakrsa")}).why, Why::weak_hash) << digest;
    EXPECT_EQ(check_issuer(signature, {key("weakrsa")}).why, Why::weak_hash) << digest;
    EXPECT_EQ(check(signature, {key("weak")}).why, Why::unknown_issuer) << digest;
  }
  for (const char* digest : {"SHA256", "SHA384", "SHA512"})
    EXPECT_EQ(check(sign("weakrsa", {"--armor", cat("--digest-algo=", digest)}), {key("weakrsa")}).why, Why::ok)
        << digest;
}

TEST_F(Verify, AcceptsOneGoodSignatureAmongOthers) {
  make_key("one");
  const std::string fpr = make_key("two");
  const std::string one = sign("one", {}), two = sign("two", {});
  for (const auto& both : {one + two, two + one}) {
    const Result r = check(both, {key("two")});
    EXPECT_EQ(r.why, Why::ok);
    EXPECT_EQ(r.fingerprint, fpr);
    EXPECT_EQ(check(both, {key("one"), key("two")}).why, Why::ok);
    EXPECT_EQ(check(both, {key("one")}, "other bytes").why, Why::bad_signature);
  }
  EXPECT_EQ(check(sign("one") + sign("two"), {key("two")}).why, Why::ok);
  std::string foreign = one;
  foreign[4] = 99;  // a public key algorithm that nobody knows
  EXPECT_EQ(check(foreign + two, {key("two")}).why, Why::ok);
}

TEST_F(Verify, UsesOnlyTheKeyThatTheFileNamePromises) {
  make_key("listed");
  make_key("smuggled");
  const std::string file = gpg({"--armor", "--export", "listed", "smuggled"});
  const std::vector<RingFile> ring = {{fingerprint("listed"), file}};
  EXPECT_EQ(check(sign("listed"), ring).why, Why::ok);
  EXPECT_EQ(check(sign("smuggled"), ring).why, Why::unknown_issuer);
}

TEST_F(Verify, ReportsFilesWhoseNameIsNotTheirFingerprintAndGoesOn) {
  const std::string fpr = make_key("wrongfile");
  make_key("rightfile");
  const std::string other(40, 'a');
  const std::vector<RingFile> ring = {{other, exported("wrongfile")}, {other, "just text"}, key("rightfile")};
  const Result r = check(sign("wrongfile"), ring);
  EXPECT_EQ(r.why, Why::unknown_issuer);
  ASSERT_THAT(r.unusable, SizeIs(2));
  EXPECT_EQ(r.unusable[0].found, fpr);
  EXPECT_EQ(r.unusable[1].index, 1U);
  EXPECT_EQ(r.unusable[1].found, "");
  EXPECT_EQ(check(sign("rightfile"), ring).why, Why::ok);
}

TEST_F(Verify, RefusesAnythingThatIsNoDetachedSignature) {
  make_key("inline");
  const std::string in = home_->path() + "/data";
  const auto signed_as = [&](const char* how) {
    return gpg({"--armor", "--local-user", "inline", "--output", "-", how, in});
  };
  const std::vector<RingFile> ring = {key("inline")};
  for (const auto& text :
       {signed_as("--sign"), exported("inline"), std::string("text"), std::string(), std::string(1 << 21, '\xc2')})
    EXPECT_EQ(check(text, ring).why, Why::no_signature);
}

TEST_F(Verify, ListsEveryKeyOfAFileWithItsOwnArmor) {
  make_key("first");
  make_key("second");
  for (const auto& file : {gpg({"--armor", "--export", "first", "second"}), gpg({"--export", "first", "second"}),
                           exported("first") + exported("second")}) {
    const auto keys = inspect(file);
    ASSERT_THAT(keys, SizeIs(2));
    EXPECT_EQ(keys[0].fingerprint, fingerprint("first"));
    EXPECT_EQ(keys[1].fingerprint, fingerprint("second"));
    EXPECT_THAT(keys[1].identities, ElementsAre("second <second@example.com>"));
    const auto again = inspect(keys[1].armored);
    ASSERT_THAT(again, SizeIs(1));
    EXPECT_EQ(again[0].fingerprint, fingerprint("second"));
  }
}

TEST_F(Verify, NeutralisesControlCharactersInUserIds) {
  gpg({"--allow-freeform-uid", "--quick-generate-key", "evil\x1b[2J uid", "ed25519", "sign", "never"});
  EXPECT_THAT(inspect(exported("evil")).at(0).identities, ElementsAre(HasSubstr("evil?[2J uid")));
}

TEST_F(Verify, RefusesFilesWithoutAPublicKey) {
  make_key("secret");
  for (const auto& file :
       {std::string(), std::string("text"), sign("secret"), gpg({"--armor", "--export-secret-keys", "secret"}),
        std::string(kMaxKeyFileBytes + 1, '\x99')})
    EXPECT_THROW(inspect(file), Error);
}

TEST_F(Verify, AMessageGivesItsContentOnlyWhenAKeyOfTheRingSignedIt) {
  make_key("messages");
  make_key("other-messages");
  const auto message = [](const char* how) {
    return gpg({"--local-user", "messages", "--output", "-", how, home_->path() + "/data"});
  };
  const MessageResult good = verify_message(message("--sign"), {key("other-messages"), key("messages")});
  EXPECT_EQ(good.result.why, Why::ok);
  EXPECT_EQ(good.result.fingerprint, fingerprint("messages"));
  EXPECT_EQ(good.content, kText);
  EXPECT_EQ(verify_message(message("--clear-sign"), {key("messages")}).result.why, Why::ok);

  const MessageResult unknown = verify_message(message("--sign"), {key("other-messages")});
  EXPECT_EQ(unknown.result.why, Why::unknown_issuer);
  EXPECT_EQ(unknown.result.fingerprint, fingerprint("messages").substr(24));
  EXPECT_TRUE(unknown.content.empty());

  std::string tampered = message("--clear-sign");
  tampered.replace(tampered.find("bytes"), 5, "BYTES");
  const MessageResult bad = verify_message(tampered, {key("messages")});
  EXPECT_EQ(bad.result.why, Why::bad_signature);
  EXPECT_TRUE(bad.content.empty());
}

TEST_F(Verify, AMessageWithAnExpiredSignatureHasNoContent) {
  make_key("old-messages", "never", {kLongAgo});
  const std::string message = gpg({kLongAgo, "--default-sig-expire=1d", "--local-user", "old-messages", "--output", "-",
                                   "--sign", home_->path() + "/data"});
  const MessageResult expired = verify_message(message, {key("old-messages")});
  EXPECT_EQ(expired.result.why, Why::expired_signature);
  EXPECT_TRUE(expired.content.empty());
}

TEST_F(Verify, WhatIsNoSignedMessageHasNoContent) {
  make_key("silent");
  const std::string detached = sign("silent");
  const std::string plain = gpg({"--output", "-", "--store", home_->path() + "/data"});
  for (const std::string& bad : {std::string(), std::string("text"), plain, detached}) {
    const MessageResult none = verify_message(bad, {key("silent")});
    EXPECT_NE(none.result.why, Why::ok);
    EXPECT_TRUE(none.content.empty());
  }
}

}  // namespace
}  // namespace rkt::verify
