#include "keys/authority.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>

namespace genie::keys {
namespace {

namespace fs = std::filesystem;

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<&::EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<&::X509_free>>;
using File = std::unique_ptr<FILE, Freed<&::fclose>>;

constexpr long kSecondsPerDay = 24L * 60 * 60;
constexpr std::size_t kLongestName = 64;  // of a common name in X.509
constexpr std::string_view kAuthorityName = "Genie authority";

plan::Diagnostic problem(std::string_view code, std::string message, const fs::path& file, std::string help) {
  plan::Diagnostic diagnostic;
  diagnostic.code = code;
  diagnostic.message = std::move(message);
  diagnostic.file = file.string();
  diagnostic.help = std::move(help);
  return diagnostic;
}

plan::Diagnostic openssl_failed(std::string_view doing) {
  return problem("GE0821", fmt::format("OpenSSL could not {}", doing), {},
                 "see that OpenSSL 3 is installed whole");
}

/// A new file, for its owner alone where `mode` says so; nothing that exists is overwritten.
plan::Result<File> create(const fs::path& path, mode_t mode, std::string_view code) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  if (fd < 0)
    return problem(code, fmt::format("the file cannot be made: {}", std::system_category().message(errno)),
                   path,
                   errno == EEXIST ? "what was issued is not overwritten; move it away, or name another node"
                                   : "check that the folder exists and is writable");
  return File(::fdopen(fd, "w"));
}

bool add_extension(X509* certificate, X509* issuer, int id, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Freed<&::X509_EXTENSION_free>> extension(
      ::X509V3_EXT_conf_nid(nullptr, &context, id, value));
  return extension && ::X509_add_ext(certificate, extension.get(), -1) == 1;
}

struct Profile {
  std::string_view name;
  unsigned days;
  const char* constraints;
  const char* usage;
  const char* extended_usage;  ///< null: none
};

/// Signed by `issuer_key`; by itself when `issuer` is null.
Certificate sign(const Profile& profile, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key) {
  Certificate made(::X509_new());
  unsigned char serial[16];
  if (!made || ::RAND_bytes(serial, sizeof serial) != 1) return nullptr;
  serial[0] &= 0x7f;  // a positive number
  const std::unique_ptr<BIGNUM, Freed<&::BN_free>> number(::BN_bin2bn(serial, sizeof serial, nullptr));
  X509* const signer = issuer == nullptr ? made.get() : issuer;
  X509_NAME* const subject = ::X509_get_subject_name(made.get());
  const bool filled =
      ::X509_set_version(made.get(), X509_VERSION_3) == 1 && number &&
      ::BN_to_ASN1_INTEGER(number.get(), ::X509_get_serialNumber(made.get())) != nullptr &&
      // Clocks of nodes differ a little.
      ::X509_gmtime_adj(::X509_getm_notBefore(made.get()), -60L * 60) != nullptr &&
      ::X509_gmtime_adj(::X509_getm_notAfter(made.get()), static_cast<long>(profile.days) * kSecondsPerDay) !=
          nullptr &&
      ::X509_set_pubkey(made.get(), key) == 1 &&
      ::X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(profile.name.data()),
                                   static_cast<int>(profile.name.size()), -1, 0) == 1 &&
      ::X509_set_issuer_name(made.get(), ::X509_get_subject_name(signer)) == 1 &&
      add_extension(made.get(), signer, NID_basic_constraints, profile.constraints) &&
      add_extension(made.get(), signer, NID_key_usage, profile.usage) &&
      add_extension(made.get(), signer, NID_subject_key_identifier, "hash") &&
      (profile.extended_usage == nullptr ||
       add_extension(made.get(), signer, NID_ext_key_usage, profile.extended_usage));
  if (!filled || ::X509_sign(made.get(), issuer_key, nullptr) == 0) return nullptr;
  return made;
}

plan::Result<Files> write(const fs::path& folder, std::string_view name, X509* certificate, EVP_PKEY* key,
                          std::string_view code) {
  Files files{folder / fmt::format("{}.pem", name), folder / fmt::format("{}.key", name)};
  auto key_file = create(files.key, 0600, code);
  if (!key_file) return std::move(key_file).errors();
  auto certificate_file = create(files.certificate, 0644, code);
  if (!certificate_file) {
    std::error_code ignored;
    fs::remove(files.key, ignored);
    return std::move(certificate_file).errors();
  }
  if (::PEM_write_PrivateKey(key_file->get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1 ||
      ::PEM_write_X509(certificate_file->get(), certificate) != 1 || std::fflush(key_file->get()) != 0 ||
      std::fflush(certificate_file->get()) != 0)
    return problem(code, "the files could not be written", files.key, "see whether the disk is full");
  return files;
}

}  // namespace

plan::Result<Files> make_authority(const fs::path& folder, unsigned days) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (fs::exists(folder / "ca.pem") || fs::exists(folder / "ca.key"))
    return problem("GE0820", "there is an authority already", folder / "ca.pem",
                   "issue nodes with it, or name another folder: certificates of two authorities do not "
                   "trust each other");
  const Key key(::EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (!key) return openssl_failed("make a key");
  const Certificate made =
      sign({kAuthorityName, days, "critical,CA:TRUE,pathlen:0", "critical,keyCertSign,cRLSign", nullptr},
           key.get(), nullptr, key.get());
  if (!made) return openssl_failed("sign a certificate");
  return write(folder, "ca", made.get(), key.get(), "GE0820");
}

plan::Result<Files> issue(const fs::path& folder, const IssueOptions& options) {
  const bool plain = std::ranges::all_of(options.name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
  if (options.name.empty() || options.name.size() > kLongestName || !plain || options.name == "ca" ||
      options.name.front() == '.')
    return problem("GE0821", fmt::format("`{}` cannot be a node's name", options.name), {},
                   "write up to 64 letters, digits, `-`, `_` and `.`, and not `ca`");
  const File certificate_file(std::fopen((folder / "ca.pem").c_str(), "r"));
  const File key_file(std::fopen((folder / "ca.key").c_str(), "r"));
  const Certificate authority(
      certificate_file ? ::PEM_read_X509(certificate_file.get(), nullptr, nullptr, nullptr) : nullptr);
  const Key authority_key(key_file ? ::PEM_read_PrivateKey(key_file.get(), nullptr, nullptr, nullptr)
                                   : nullptr);
  if (!authority || !authority_key)
    return problem("GE0821", "there is no authority to sign with", folder / "ca.key",
                   "make one with `genie-host keys init`, or name its folder with --folder");
  const Key key(::EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (!key) return openssl_failed("make a key");
  const Certificate made = sign({options.name, options.days, "critical,CA:FALSE", "critical,digitalSignature",
                                 options.client_only ? "clientAuth" : "serverAuth,clientAuth"},
                                key.get(), authority.get(), authority_key.get());
  if (!made) return openssl_failed("sign a certificate");
  return write(folder, options.name, made.get(), key.get(), "GE0821");
}

}  // namespace genie::keys
