// SPDX-License-Identifier: Apache-2.0
// The floor of fetching gzip layers: download each over HTTP, hash it, inflate it with ISA-L, hash that, write it to
// one file; one thread receives, the other does the rest. scripts/bench fetch measures everything against it.
//   fetch_floor PORT OUTPUT PATH...
#include <arpa/inet.h>
#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t kBlock = std::size_t{256} << 10;

void check(bool good, const char* what) {
  if (good) return;
  perror(what);
  _exit(99);
}

struct Blocks {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::vector<std::uint8_t>> full;
  bool done = false;
};

using Md = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

Md sha256() {
  Md md(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  check(EVP_DigestInit_ex(md.get(), EVP_sha256(), nullptr) == 1, "digest");
  return md;
}

void consume(Blocks& blocks, int out) {
  const Md packed = sha256(), plain = sha256();
  const auto state = std::make_unique<inflate_state>();
  isal_inflate_init(state.get());
  state->crc_flag = ISAL_GZIP;
  std::vector<std::uint8_t> buffer(kBlock * 2);
  for (;;) {
    std::unique_lock lock(blocks.mutex);
    blocks.changed.wait(lock, [&] { return blocks.done || !blocks.full.empty(); });
    if (blocks.full.empty()) break;
    const auto block = std::move(blocks.full.front());
    blocks.full.pop_front();
    lock.unlock();
    blocks.changed.notify_all();
    EVP_DigestUpdate(packed.get(), block.data(), block.size());
    std::vector<std::uint8_t> in = block;
    state->next_in = in.data();
    state->avail_in = static_cast<std::uint32_t>(in.size());
    do {
      state->next_out = buffer.data();
      state->avail_out = static_cast<std::uint32_t>(buffer.size());
      check(isal_inflate(state.get()) == ISAL_DECOMP_OK, "inflate");
      const std::size_t made = buffer.size() - state->avail_out;
      EVP_DigestUpdate(plain.get(), buffer.data(), made);
      check(write(out, buffer.data(), made) == static_cast<ssize_t>(made), "write");
    } while (state->avail_in > 0 || state->avail_out == 0);
  }
  std::uint8_t digest[EVP_MAX_MD_SIZE];
  EVP_DigestFinal_ex(packed.get(), digest, nullptr);
  EVP_DigestFinal_ex(plain.get(), digest, nullptr);
}

void receive(Blocks& blocks, int port, const std::string& path) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  check(connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0, "connect");
  const std::string request = "GET " + path + " HTTP/1.0\r\nHost: localhost\r\n\r\n";
  check(write(fd, request.data(), request.size()) == static_cast<ssize_t>(request.size()), "request");
  std::string head;
  for (char c = 0; !head.ends_with("\r\n\r\n"); head.push_back(c)) check(read(fd, &c, 1) == 1, "response");
  check(head.find(" 200 ") != std::string::npos, "status");
  for (;;) {
    std::vector<std::uint8_t> block(kBlock);
    const ssize_t n = read(fd, block.data(), block.size());
    check(n >= 0, "read");
    block.resize(static_cast<std::size_t>(n));
    std::unique_lock lock(blocks.mutex);
    blocks.changed.wait(lock, [&] { return blocks.full.size() < 16; });
    if (n == 0)
      blocks.done = true;
    else
      blocks.full.push_back(std::move(block));
    lock.unlock();
    blocks.changed.notify_all();
    if (n == 0) return;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const int out = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  check(out >= 0, "output");
  for (int i = 3; i < argc; ++i) {
    Blocks blocks;
    std::thread consumer([&] { consume(blocks, out); });
    receive(blocks, atoi(argv[1]), argv[i]);
    consumer.join();
  }
  return 0;
}
