#include "socket.hpp"

#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "../datapath/problem.hpp"

namespace genie::arena {
namespace {

using datapath::Deadline;
using datapath::Fd;
using datapath::kDeadline;
using datapath::kPathRefused;
using datapath::kPeerGone;
using datapath::kSharedMemory;
using datapath::problem;
using datapath::system_problem;

constexpr std::byte kRing{0x52};
constexpr std::size_t kNameSize = 32;

/// Waits until the socket can do this. False at the deadline.
bool wait_for(int fd, short events, Deadline deadline) {
  for (;;) {
    pollfd polled{fd, events, 0};
    const timespec left = datapath::time_left(deadline);
    const int ready = ::ppoll(&polled, 1, &left, nullptr);
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

genie::Error late(std::string_view what) {
  return problem(GENIE_DEADLINE_EXCEEDED, kDeadline, "the deadline passed while " + std::string(what));
}

struct Address {
  sockaddr_un at{};
  socklen_t size = 0;
};

/// In the abstract namespace: a first byte of zero, no file, gone with its socket.
Address address_of(std::string_view name) {
  Address address;
  address.at.sun_family = AF_UNIX;
  std::memcpy(address.at.sun_path + 1, name.data(), name.size());
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return address;
}

bool same_user(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == ::geteuid();
}

}  // namespace

std::uint64_t random_number() {
  std::uint64_t number = 0;
  while (::getrandom(&number, sizeof number, 0) != sizeof number) {
  }
  return number;
}

void Socket::ring() const {
  [[maybe_unused]] const auto sent = ::send(fd_.get(), &kRing, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

Outcome Socket::hand_over(const Handover& what, int file, Deadline deadline) const {
  Handover body = what;
  iovec part{&body, sizeof body};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof file);
  std::memcpy(CMSG_DATA(header), &file, sizeof file);
  while (::sendmsg(fd_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
    if (errno == EPIPE || errno == ECONNRESET)
      return system_problem(GENIE_UNAVAILABLE, kPeerGone, "the peer on this host is gone", errno);
    if (errno != EAGAIN && errno != EINTR)
      return system_problem(GENIE_UNAVAILABLE, kSharedMemory, "cannot hand an arena over", errno);
    if (!wait_for(fd_.get(), POLLOUT, deadline)) return late("an arena was handed over");
  }
  return Done{};
}

Socket::Taken Socket::take() const {
  Taken taken;
  std::array<std::byte, sizeof(Handover) + 1> body{};
  iovec part{body.data(), body.size()};
  // Room for more files than are taken, so that a peer that sends several leaves none open here.
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * 8)> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const auto size = ::recvmsg(fd_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0) {
    taken.what = errno == EAGAIN || errno == EINTR ? Taken::What::nothing : Taken::What::ended;
    return taken;
  }
  std::size_t files = 0;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t at = 0; at + sizeof(int) <= header->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
      int file = -1;
      std::memcpy(&file, CMSG_DATA(header) + at, sizeof file);
      taken.file = Fd(file);
      ++files;
    }
  }
  using What = Taken::What;
  if (size == 0)
    taken.what = What::ended;
  else if (size == 1 && body[0] == kRing && files == 0)
    taken.what = What::ring;
  else if (size == sizeof(Handover) && files == 1 && (message.msg_flags & MSG_CTRUNC) == 0)
    taken.what = What::handover;
  else
    taken.what = What::nonsense;
  if (taken.what == What::handover) std::memcpy(&taken.handover, body.data(), sizeof taken.handover);
  return taken;
}

Expected<Socket::Taken> Socket::await(Deadline deadline) const {
  for (;;) {
    if (!wait_for(fd_.get(), POLLIN, deadline)) return late("an arena of a peer on this host was awaited");
    Taken taken = take();
    if (taken.what == Taken::What::handover) return taken;
    if (taken.what == Taken::What::ended)
      return problem(GENIE_UNAVAILABLE, kPeerGone, "the peer on this host turned away");
    if (taken.what == Taken::What::nonsense)
      return problem(GENIE_DATA_LOSS, datapath::kBrokenRules,
                     "the peer on this host sent something else than an arena");
  }
}

Expected<Meeting> Meeting::open() {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string name = "genie-";
  for (int half = 0; name.size() < kNameSize; ++half) {
    std::uint64_t number = random_number();
    for (int i = 0; i < 16 && name.size() < kNameSize; ++i, number >>= 4)
      name += kDigits[number & 15];
  }
  Fd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const Address address = address_of(name);
  if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address.at), address.size) != 0 ||
      ::listen(fd.get(), 4) != 0)
    return system_problem(GENIE_RESOURCE_EXHAUSTED, kPathRefused,
                          "cannot open a Unix socket to hand an arena over", errno);
  return Meeting(std::move(fd), std::move(name), random_number());
}

Expected<Socket> Meeting::accept(Deadline deadline) {
  for (;;) {
    if (!wait_for(fd_.get(), POLLIN, deadline)) return late("a peer on this host was awaited");
    Fd fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd) continue;
    // One that is not let in costs at most a moment of the time left.
    const Deadline moment = std::min(deadline, datapath::deadline_in(std::chrono::milliseconds(500)));
    std::uint64_t secret = 0;
    if (!same_user(fd.get()) || !wait_for(fd.get(), POLLIN, moment)) continue;
    if (::recv(fd.get(), &secret, sizeof secret, MSG_DONTWAIT) != sizeof secret || secret != secret_)
      continue;
    fd_.reset();
    return Socket(std::move(fd));
  }
}

Expected<Socket> go_to_meeting(std::string_view name, std::uint64_t secret, Deadline deadline) {
  if (name.size() != kNameSize)
    return problem(GENIE_INVALID_ARGUMENT, datapath::kBrokenRules,
                   "the peer's name of a Unix socket has another length than 32");
  const Address address = address_of(name);
  for (;;) {
    Fd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd)
      return system_problem(GENIE_RESOURCE_EXHAUSTED, kPathRefused, "cannot open a Unix socket", errno);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address.at), address.size) == 0) {
      if (!same_user(fd.get()))
        return problem(GENIE_PERMISSION_DENIED, kPathRefused, "the peer on this host runs as another user");
      if (::send(fd.get(), &secret, sizeof secret, MSG_DONTWAIT | MSG_NOSIGNAL) != sizeof secret)
        return system_problem(GENIE_UNAVAILABLE, kPeerGone, "the peer on this host turned away", errno);
      return Socket(std::move(fd));
    }
    if (errno == ECONNREFUSED || errno == ENOENT)
      return problem(
          GENIE_NOT_FOUND, kPathRefused,
          "the peer's Unix socket is not reachable: it is on another host or in another network namespace");
    // EAGAIN: its queue is full of others for now.
    if (errno != EAGAIN && errno != EINTR)
      return system_problem(GENIE_UNAVAILABLE, kPathRefused, "cannot reach the peer's Unix socket", errno);
    if (datapath::Clock::now() >= deadline) return late("a peer on this host was being reached");
    const timespec moment{0, 1'000'000};
    ::nanosleep(&moment, nullptr);
  }
}

}  // namespace genie::arena
