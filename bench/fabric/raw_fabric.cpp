// The limit beside which our data path is measured: libfabric and nothing else, between two processes of this machine.
//
//   raw_fabric PROVIDER ADDRESS spin|sleep [LARGEST]
//
// A round trip of 64 bytes by messages, and RMA writes and reads of 64 B to 64 MiB, one at a time, each complete only when the bytes
// are there. Both processes spin on their completion queues, or both sleep in fi_cq_sread.
#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_rma.h>
#include <sys/mman.h>

#include <cstring>

#include "measure.hpp"

namespace {

void check(const char* what, std::int64_t result) {
  if (result < 0) bench::fail(std::string(what) + ": " + ::fi_strerror(static_cast<int>(-result)));
}

struct Target {
  std::uint64_t base = 0;
  std::uint64_t key = 0;
};

/// One process's endpoint with one buffer that the other may reach. Left to the end of the process.
class Raw {
 public:
  Raw(const std::string& provider, const std::string& address, bool sleeps, std::size_t size)
      : sleeps_(sleeps) {
    fi_info* hints = ::fi_allocinfo();
    hints->caps = FI_MSG | FI_RMA;
    hints->mode = FI_CONTEXT | FI_CONTEXT2;
    hints->ep_attr->type = FI_EP_RDM;
    hints->domain_attr->mr_mode =
        FI_MR_LOCAL | FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY | FI_MR_ENDPOINT;
    hints->domain_attr->threading = FI_THREAD_SAFE;
    hints->domain_attr->control_progress = FI_PROGRESS_MANUAL;
    hints->domain_attr->data_progress = FI_PROGRESS_MANUAL;
    hints->tx_attr->op_flags = FI_DELIVERY_COMPLETE;
    hints->fabric_attr->prov_name = ::strdup(provider.c_str());
    const bool by_address = provider != "shm";
    check("fi_getinfo", ::fi_getinfo(FI_VERSION(1, 9), by_address ? address.c_str() : nullptr, nullptr,
                                     by_address ? FI_SOURCE | FI_NUMERICHOST : 0, hints, &info_));
    while (info_ != nullptr && provider != info_->fabric_attr->prov_name)
      info_ = info_->next;
    if (info_ == nullptr) bench::fail("there is no provider " + provider);
    info_->tx_attr->op_flags = 0;
    check("fi_fabric", ::fi_fabric(info_->fabric_attr, &fabric_, nullptr));
    check("fi_domain", ::fi_domain(fabric_, info_, &domain_, nullptr));
    fi_av_attr av{};
    av.type = info_->domain_attr->av_type == FI_AV_MAP ? FI_AV_MAP : FI_AV_TABLE;
    check("fi_av_open", ::fi_av_open(domain_, &av, &addresses_, nullptr));
    fi_cq_attr cq{};
    cq.format = FI_CQ_FORMAT_MSG;
    cq.wait_obj = sleeps ? FI_WAIT_UNSPEC : FI_WAIT_NONE;
    check("fi_cq_open", ::fi_cq_open(domain_, &cq, &queue_, nullptr));
    check("fi_endpoint", ::fi_endpoint(domain_, info_, &endpoint_, nullptr));
    check("fi_ep_bind", ::fi_ep_bind(endpoint_, &addresses_->fid, 0));
    check("fi_ep_bind", ::fi_ep_bind(endpoint_, &queue_->fid, FI_TRANSMIT | FI_RECV));
    check("fi_enable", ::fi_enable(endpoint_));
    memory_ = static_cast<std::byte*>(
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0));
    if (memory_ == MAP_FAILED) bench::fail("no memory");
    check("fi_mr_reg", ::fi_mr_reg(domain_, memory_, size,
                                   FI_SEND | FI_RECV | FI_READ | FI_WRITE | FI_REMOTE_READ | FI_REMOTE_WRITE,
                                   0, 0x47, 0, &region_, nullptr));
    if ((info_->domain_attr->mr_mode & FI_MR_ENDPOINT) != 0) {
      check("fi_mr_bind", ::fi_mr_bind(region_, &endpoint_->fid, 0));
      check("fi_mr_enable", ::fi_mr_enable(region_));
    }
  }

  void meet(const bench::Other& other) {
    std::array<std::byte, 256> name{};
    std::size_t size = name.size();
    check("fi_getname", ::fi_getname(&endpoint_->fid, name.data(), &size));
    other.tell(name.data(), size);
    const auto theirs = other.hear();
    if (::fi_av_insert(addresses_, theirs.data(), 1, &peer_, 0, nullptr) != 1) bench::fail("fi_av_insert");
    const Target mine{
        (info_->domain_attr->mr_mode & FI_MR_VIRT_ADDR) != 0 ? reinterpret_cast<std::uint64_t>(memory_) : 0,
        ::fi_mr_key(region_)};
    other.tell(&mine, sizeof mine);
    const auto target = other.hear();
    std::memcpy(&target_, target.data(), sizeof target_);
  }

  void post_receive() {
    // The second half of the first page: RMA of the other is measured while nothing is received.
    check("fi_recv",
          ::fi_recv(endpoint_, memory_ + 2048, 64, ::fi_mr_desc(region_), FI_ADDR_UNSPEC, &receive_));
  }
  void send() {
    retry("fi_send", [&] { return ::fi_send(endpoint_, memory_, 64, ::fi_mr_desc(region_), peer_, &send_); });
  }
  /// Waits for so many more completions; those that come with them count for the next wait.
  void wait(std::size_t completions) {
    while (seen_ < completions) {
      std::array<fi_cq_msg_entry, 8> entries{};
      const auto got = sleeps_ ? ::fi_cq_sread(queue_, entries.data(), entries.size(), nullptr, 100)
                               : ::fi_cq_read(queue_, entries.data(), entries.size());
      if (got > 0)
        seen_ += static_cast<std::size_t>(got);
      else if (got != -FI_EAGAIN && got != -FI_EINTR && got != -FI_ETIMEDOUT)
        check("fi_cq_read", got);
    }
    seen_ -= completions;
  }
  void move(std::size_t size, bool write) {
    const std::size_t most = info_->ep_attr->max_msg_size;
    std::size_t posted = 0;
    for (std::size_t done = 0; done < size; ++posted) {
      const std::size_t length = std::min(size - done, most);
      const iovec here{memory_ + done, length};
      const fi_rma_iov there{target_.base + done, length, target_.key};
      void* descriptor = ::fi_mr_desc(region_);
      fi_msg_rma message{};
      message.msg_iov = &here;
      message.desc = &descriptor;
      message.iov_count = 1;
      message.addr = peer_;
      message.rma_iov = &there;
      message.rma_iov_count = 1;
      message.context = &moves_[posted % moves_.size()];
      retry("RMA", [&] {
        return write ? ::fi_writemsg(endpoint_, &message, FI_COMPLETION | FI_DELIVERY_COMPLETE)
                     : ::fi_readmsg(endpoint_, &message, FI_COMPLETION);
      });
      done += length;
    }
    wait(posted);
  }

 private:
  template <class F>
  void retry(const char* what, F&& f) {
    for (;;) {
      const auto result = f();
      if (result == 0) return;
      if (result != -FI_EAGAIN) check(what, result);
      // Full, or not yet connected: reading the queue makes progress.
      check("fi_cq_read", std::max<std::int64_t>(::fi_cq_read(queue_, nullptr, 0), 0));
    }
  }

  bool sleeps_;
  fi_info* info_ = nullptr;
  fid_fabric* fabric_ = nullptr;
  fid_domain* domain_ = nullptr;
  fid_av* addresses_ = nullptr;
  fid_cq* queue_ = nullptr;
  fid_ep* endpoint_ = nullptr;
  fid_mr* region_ = nullptr;
  std::byte* memory_ = nullptr;
  fi_addr_t peer_ = FI_ADDR_UNSPEC;
  Target target_;
  std::size_t seen_ = 0;
  fi_context2 receive_{}, send_{};
  std::array<fi_context2, 64> moves_{};
};

constexpr std::size_t kTrips = 2000;

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) bench::fail("usage: raw_fabric PROVIDER ADDRESS spin|sleep [LARGEST]");
  const bool sleeps = std::string(argv[3]) == "sleep";
  const auto sizes = bench::sizes(bench::largest_of(argv[4]));
  const bench::Other other;
  Raw raw(argv[1], argv[2], sleeps, std::max<std::size_t>(sizes.back(), 4096));
  raw.post_receive();
  raw.meet(other);
  const std::size_t trips = kTrips + kTrips / 8 + 1;
  if (other.is_child()) {
    for (std::size_t i = 0; i < trips; ++i) {
      raw.wait(1);
      raw.post_receive();
      raw.send();
      raw.wait(1);
    }
    // What the other moves needs this side's progress, until its last word.
    raw.wait(1);
    std::_Exit(0);
  }
  bench::print("round trip", 64, bench::median_seconds(kTrips, [&] {
                 raw.send();
                 raw.wait(2);  // that it left, and the answer
                 raw.post_receive();
               }));
  for (const bool write : {true, false})
    for (const std::size_t size : sizes)
      bench::print(write ? "write" : "read", size,
                   bench::median_seconds(bench::turns_for(size), [&] { raw.move(size, write); }));
  raw.send();
  raw.wait(1);
  return other.wait();
}
