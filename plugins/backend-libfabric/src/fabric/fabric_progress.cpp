#include <array>
#include <cstring>
#include <utility>

#include "fabric_connection.hpp"

namespace genie::fabric {
namespace {

using datapath::kOperation;
using datapath::problem;

constexpr std::size_t kEntriesAtOnce = 16;

}  // namespace

bool FabricConnection::look() {
  bool news = !mended_.empty();
  for (const auto& entry : std::exchange(mended_, {}))
    completed(entry);
  for (;;) {
    std::array<fi_cq_msg_entry, kEntriesAtOnce> entries{};
    const auto got = ::fi_cq_read(endpoint_->queue(), entries.data(), entries.size());
    if (got > 0) {
      news = true;
      for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i)
        completed(entries[i]);
      if (static_cast<std::size_t>(got) == entries.size()) continue;
    } else if (got == -FI_EAVAIL) {
      news = true;
      if (failed()) continue;
    } else if (got != -FI_EAGAIN && got != -FI_EINTR && !failure_) {
      news = true;
      give_up(operation_problem("the completion queue towards", got));
    }
    break;
  }
  pay_debts();
  return news;
}

bool FabricConnection::before_sleep(unsigned) {
  return endpoint_->may_sleep();
}

// In libfabric 1.17 the descriptor of `net` stays readable after the first completion, whatever is read; a blocking read, however
// short, makes it quiet again.
void FabricConnection::mend_descriptor() {
  std::array<fi_cq_msg_entry, kEntriesAtOnce> entries{};
  constexpr int kMillisecond = 1;
  const auto got = ::fi_cq_sread(endpoint_->queue(), entries.data(), entries.size(), nullptr, kMillisecond);
  if (got > 0) mended_.assign(entries.begin(), entries.begin() + got);
}

void FabricConnection::after_sleep(short) {}

void FabricConnection::completed(const fi_cq_msg_entry& entry) {
  // Whoever posted it gave the address of its first member.
  auto& operation = *static_cast<Operation*>(entry.op_context);
  switch (operation.what) {
    case Operation::What::receive: {
      const std::size_t buffer = operation.buffer;
      finish(operation);
      arrived(buffer, entry.len);
      break;
    }
    case Operation::What::send:
      --sends_;
      free_sends_.push_back(operation.buffer);
      finish(operation);
      break;
    case Operation::What::move: {
      --moves_;
      TransferState& transfer = *operation.transfer;
      if (--transfer.under_way == 0 && transfer.all_posted && transfer.order != 0)
        writes_.erase(transfer.order);
      finish(operation);
      break;
    }
  }
}

bool FabricConnection::failed() {
  fi_cq_err_entry entry{};
  if (::fi_cq_readerr(endpoint_->queue(), &entry, 0) < 0) return false;
  std::array<char, 128> text{};
  const char* const said =
      ::fi_cq_strerror(endpoint_->queue(), entry.prov_errno, entry.err_data, text.data(), text.size());
  const std::string more = said != nullptr && *said != 0 ? "; the provider says: " + std::string(said) : "";
  if (entry.op_context == nullptr) {
    give_up(operation_problem("an operation" + more + ", towards", -entry.err));
    return true;
  }
  auto& operation = *static_cast<Operation*>(entry.op_context);
  const char* const what = operation.what == Operation::What::receive ? "receiving from"
                           : operation.what == Operation::What::send  ? "a message to"
                           : operation.transfer->order != 0           ? "a write to"
                                                                      : "a read from";
  genie::Error error = operation_problem(what, -entry.err);
  error.message += more;
  operation_failed(operation, error);
  return true;
}

void FabricConnection::operation_failed(Operation& operation, const genie::Error& error) {
  // A message must never follow a write that did not arrive, and a lost message leaves a hole: both end the connection. A failed
  // read concerns only who asked.
  bool fatal = true;
  switch (operation.what) {
    case Operation::What::receive:
      break;
    case Operation::What::send:
      --sends_;
      free_sends_.push_back(operation.buffer);
      break;
    case Operation::What::move: {
      --moves_;
      TransferState& transfer = *operation.transfer;
      if (!transfer.error) transfer.error = error;
      if (--transfer.under_way == 0) writes_.erase(transfer.order);
      fatal = transfer.order != 0;
      break;
    }
  }
  finish(operation);
  if (fatal) give_up(error);
}

void FabricConnection::finish(Operation& operation) {
  operation.transfer = nullptr;
  operation.owner = nullptr;
  operation.registration = nullptr;
  free_operations_.push_back(&operation);
}

}  // namespace genie::fabric
