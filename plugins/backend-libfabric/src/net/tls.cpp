#include "net/tls.hpp"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include "genie/exec/budget.hpp"
#include "protocol/secret.hpp"

namespace genie::remote {

namespace {

genie::Error unusable(const std::string& file, const std::string& why) {
  return exec::problem(
      GENIE_FAILED_PRECONDITION, "GE0804", "key file " + file + " cannot be used: " + why,
      "`genie-host keys init` makes an authority, `genie-host keys issue` the files of a node");
}

}  // namespace

genie::Expected<std::shared_ptr<boost::asio::ssl::context>> tls_context(const Keys& keys) {
  namespace ssl = boost::asio::ssl;
  auto context = std::make_shared<ssl::context>(ssl::context::tls);
  ::SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_3_VERSION);
  // No resumption: who was let in once proves it again.
  ::SSL_CTX_set_session_cache_mode(context->native_handle(), SSL_SESS_CACHE_OFF);
  ::SSL_CTX_set_num_tickets(context->native_handle(), 0);
  struct stat info {};
  if (::stat(keys.key.c_str(), &info) == 0 && (info.st_mode & 077) != 0)
    return unusable(keys.key, "others than its owner may read it (chmod 600)");
  boost::system::error_code error;
  context->load_verify_file(keys.ca, error);
  if (error) return unusable(keys.ca, error.message());
  context->use_certificate_chain_file(keys.certificate, error);
  if (error) return unusable(keys.certificate, error.message());
  context->use_private_key_file(keys.key, ssl::context::pem, error);
  if (error) return unusable(keys.key, error.message());
  if (::SSL_CTX_check_private_key(context->native_handle()) != 1)
    return unusable(keys.key, "it does not belong to the certificate " + keys.certificate);
  context->set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
  return context;
}

genie::Expected<std::string> fingerprint(const Keys& keys) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(::fopen(keys.certificate.c_str(), "r"), &::fclose);
  if (!file) return unusable(keys.certificate, "it cannot be read");
  const std::unique_ptr<X509, void (*)(X509*)> certificate(
      ::PEM_read_X509(file.get(), nullptr, nullptr, nullptr), &::X509_free);
  if (!certificate) return unusable(keys.certificate, "it holds no certificate");
  unsigned char* raw = nullptr;
  const int size = ::i2d_X509(certificate.get(), &raw);
  if (size < 0) return unusable(keys.certificate, "it cannot be encoded");
  Digest digest;
  digest.update(raw, static_cast<std::size_t>(size));
  ::OPENSSL_free(raw);
  return digest.finish();
}

std::string peer_name(TlsStream& stream) {
  const std::unique_ptr<X509, void (*)(X509*)> certificate(
      ::SSL_get1_peer_certificate(stream.native_handle()), &::X509_free);
  if (!certificate) return {};
  char name[256] = {};
  ::X509_NAME_get_text_by_NID(::X509_get_subject_name(certificate.get()), NID_commonName, name, sizeof name);
  return name;
}

}  // namespace genie::remote
