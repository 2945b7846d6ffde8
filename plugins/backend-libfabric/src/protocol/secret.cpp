#include "protocol/secret.hpp"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "genie/exec/budget.hpp"
#include "protocol/bytes.hpp"

namespace genie::remote {

namespace {

constexpr std::size_t kTokenBytes = 32;

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  File(const File&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

genie::Error wrong_token(const std::string& file, const std::string& what, const std::string& help) {
  return exec::problem(GENIE_FAILED_PRECONDITION, "GE0803", "token file " + file + " " + what, help);
}

}  // namespace

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (::RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1)
    throw std::runtime_error("the system has no random bytes");
  return bytes;
}

std::string to_hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text += kDigits[static_cast<unsigned char>(c) >> 4];
    text += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

std::string proof(std::string_view secret, std::string_view purpose, std::string_view client_hello,
                  std::string_view worker_hello) {
  const std::string message = Encoder().text(purpose).text(client_hello).text(worker_hello).take();
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (::HMAC(::EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
             reinterpret_cast<const unsigned char*>(message.data()), message.size(), mac, &size) == nullptr)
    throw std::runtime_error("HMAC-SHA256 is not to be had from OpenSSL");
  return {reinterpret_cast<const char*>(mac), size};
}

bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

genie::Expected<std::string> read_token(const std::string& file) {
  const File opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (opened.get() < 0)
    return wrong_token(file, "cannot be read: " + std::system_category().message(errno),
                       "start the worker first, which makes it, and name the same file on both sides");
  struct stat info {};
  if (::fstat(opened.get(), &info) != 0 || !S_ISREG(info.st_mode))
    return wrong_token(file, "is no file", "name a file");
  if ((info.st_mode & 077) != 0 || (info.st_uid != ::geteuid() && ::geteuid() != 0))
    return wrong_token(file, "may be read by others", "chmod 600 it, and have it made anew if it was seen");
  char text[2 * kTokenBytes + 2];
  const ssize_t got = ::read(opened.get(), text, sizeof text);
  std::string_view token(text, got > 0 ? static_cast<std::size_t>(got) : 0);
  while (token.ends_with('\n'))
    token.remove_suffix(1);
  if (token.size() != 2 * kTokenBytes ||
      token.find_first_not_of("0123456789abcdef") != std::string_view::npos)
    return wrong_token(file, "does not hold 64 hexadecimal digits",
                       "delete it; the worker makes a new one when it starts");
  return std::string(token);
}

genie::Expected<std::string> read_or_make_token(const std::string& file) {
  const File made(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (made.get() < 0) {
    if (errno == EEXIST) return read_token(file);
    return wrong_token(file, "cannot be made: " + std::system_category().message(errno),
                       "name a folder that exists and may be written to");
  }
  const std::string text = to_hex(random_bytes(kTokenBytes));
  if (::write(made.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return wrong_token(file, "cannot be written", "see whether the disk is full");
  return text;
}

Digest::Digest() : context_(::EVP_MD_CTX_new()) {
  if (context_ == nullptr ||
      ::EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_), ::EVP_sha256(), nullptr) != 1)
    throw std::runtime_error("SHA-256 is not to be had from OpenSSL");
}

Digest::~Digest() {
  ::EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_));
}

void Digest::update(const void* data, std::size_t size) {
  ::EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_), data, size);
}

std::string Digest::finish() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  ::EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_), digest, &size);
  return "sha256:" + to_hex({reinterpret_cast<const char*>(digest), size});
}

}  // namespace genie::remote
