#include "diagnosis/trust.hpp"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <memory>

#include "protocol/secret.hpp"

namespace genie::remote {

namespace {

constexpr const char* kTrust = "trust";
/// A certificate that ends sooner is worth a word.
constexpr int kSoonDays = 30;

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Certificate = std::unique_ptr<X509, Freed<&::X509_free>>;

Certificate read_certificate(const std::string& file) {
  const std::unique_ptr<FILE, Freed<&::fclose>> opened(::fopen(file.c_str(), "r"));
  return Certificate(opened ? ::PEM_read_X509(opened.get(), nullptr, nullptr, nullptr) : nullptr);
}

std::string date(const ASN1_TIME* time) {
  struct tm parts {};
  if (::ASN1_TIME_to_tm(time, &parts) != 1) return "an unreadable date";
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d", &parts)};
}

/// Days from now; negative when it is past.
int days_until(const ASN1_TIME* time) {
  int days = 0, seconds = 0;
  if (::ASN1_TIME_diff(&days, &seconds, nullptr, time) != 1) return 0;
  return seconds < 0 && days == 0 ? -1 : days;
}

/// What a handshake would say of the certificate; empty: nothing is wrong.
std::string refusal(X509* authority, X509* certificate, Role role) {
  const std::unique_ptr<X509_STORE, Freed<&::X509_STORE_free>> store(::X509_STORE_new());
  const std::unique_ptr<X509_STORE_CTX, Freed<&::X509_STORE_CTX_free>> check(::X509_STORE_CTX_new());
  if (!store || !check || ::X509_STORE_add_cert(store.get(), authority) != 1 ||
      ::X509_STORE_CTX_init(check.get(), store.get(), certificate, nullptr) != 1 ||
      ::X509_STORE_CTX_set_purpose(
          check.get(), role == Role::worker ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT) != 1)
    return "OpenSSL could not check it";
  if (::X509_verify_cert(check.get()) == 1) return {};
  return ::X509_verify_cert_error_string(::X509_STORE_CTX_get_error(check.get()));
}

void look_at_keys(Findings& findings, const Keys& keys, Role role) {
  if (auto context = tls_context(keys); !context) return findings.add(kTrust, "keys", context.error());
  const Certificate authority = read_certificate(keys.ca), own = read_certificate(keys.certificate);
  if (!authority || !own) return;  // the context has both: they are no plain certificates, and have no dates
  const std::string until = "valid until " + date(::X509_get0_notAfter(own.get()));
  if (const std::string why = refusal(authority.get(), own.get(), role); !why.empty())
    return findings.add({kTrust, "certificate", Found::fault,
                         keys.certificate + ", " + until + ": " + why +
                             (role == Role::worker ? " (as a worker's)" : " (as a client's)"),
                         "issue it anew with `genie-host keys issue`, by the authority that all ends have",
                         "GE0804"});
  const int days = std::min(days_until(::X509_get0_notAfter(own.get())),
                            days_until(::X509_get0_notAfter(authority.get())));
  if (days < kSoonDays)
    return findings.add(
        {kTrust, "certificate", Found::warning,
         keys.certificate + ", " + until + "; it or its authority ends in " + std::to_string(days) + " days",
         "issue it anew with `genie-host keys issue`"});
  findings.add({kTrust, "certificate", Found::ok, keys.certificate + ", " + until});
}

void look_at_token(Findings& findings, const std::string& file, Role role) {
  std::error_code error;
  if (role == Role::worker && !std::filesystem::exists(std::filesystem::symlink_status(file, error))) {
    const std::filesystem::path folder = std::filesystem::path(file).parent_path();
    if (::access(folder.empty() ? "." : folder.c_str(), W_OK | X_OK) == 0)
      findings.add({kTrust, "token file", Found::ok, file + " is made when the worker starts"});
    else
      findings.add({kTrust, "token file", Found::fault, file + " cannot be made there",
                    "name a folder that exists and may be written to", "GE0803"});
    return;
  }
  if (auto token = read_token(file); !token) return findings.add(kTrust, "token file", token.error());
  findings.add({kTrust, "token file", Found::ok, file + ", for its owner alone"});
}

}  // namespace

Findings look_at_trust(const std::string& token_file, const Keys& keys, Role role) {
  Findings findings;
  if (!token_file.empty()) look_at_token(findings, token_file, role);
  if (keys.given()) look_at_keys(findings, keys, role);
  return findings;
}

}  // namespace genie::remote
