// The connection of the arena path. Private to this folder.
#pragma once

#include <map>
#include <optional>

#include "../datapath/watch.hpp"
#include "channel.hpp"
#include "connection.hpp"
#include "socket.hpp"

namespace genie::arena {

class ArenaConnection final : public datapath::Connection, private datapath::Watched {
 public:
  ArenaConnection(Socket socket, std::shared_ptr<Arena> channel, unsigned mine,
                  datapath::WaitOptions options);
  ~ArenaConnection() override;

  [[nodiscard]] const datapath::Facts& facts() const override { return facts_; }
  [[nodiscard]] datapath::Traffic traffic() const override;
  [[nodiscard]] Expected<std::shared_ptr<datapath::Region>> expose(std::shared_ptr<Arena> memory,
                                                                   datapath::Deadline deadline) override;
  [[nodiscard]] Expected<std::shared_ptr<datapath::RemoteRegion>> import(
      std::span<const std::byte> descriptor, datapath::Deadline deadline) override;
  [[nodiscard]] Expected<datapath::Transfer> write(const datapath::Local& from, const datapath::Remote& to,
                                                   datapath::Deadline deadline) override;
  [[nodiscard]] Expected<datapath::Transfer> read(const datapath::Remote& from, const datapath::Local& to,
                                                  datapath::Deadline deadline) override;
  [[nodiscard]] Outcome wait(const datapath::Transfer& transfer) override;
  [[nodiscard]] Outcome send(std::span<const std::byte> message, datapath::Deadline deadline) override;
  [[nodiscard]] Expected<datapath::Message> receive(datapath::Deadline deadline) override;
  void fail(genie::Error why) override;
  Outcome close(datapath::Deadline deadline) override;

 private:
  using Lock = std::unique_lock<std::mutex>;
  /// A file that the peer sent, until it is imported; then only that it was.
  struct Handed {
    datapath::Fd file;
    std::uint64_t size = 0;
    std::weak_ptr<datapath::RemoteRegion> imported = {};
  };

  bool look() override;
  bool before_sleep(unsigned interests) override;
  void after_sleep(short events) override;
  [[nodiscard]] int descriptor() const override { return socket_.get(); }

  void take_in(Socket::Taken taken);
  void give_up(genie::Error why);
  void ring_for(unsigned interest);
  [[nodiscard]] std::optional<genie::Error> refusal(bool after_close = false) const;
  [[nodiscard]] bool peer_is_done();
  [[nodiscard]] genie::Error peer_left();
  [[nodiscard]] genie::Error broken(std::string_view how);
  [[nodiscard]] Expected<datapath::Transfer> copy(const datapath::Remote& remote,
                                                  const datapath::Local& local, bool out,
                                                  datapath::Deadline deadline);

  datapath::Facts facts_;
  Socket socket_;
  Channel channel_;
  mutable datapath::Watch watch_;
  // Under the watch's lock:
  std::map<std::uint64_t, Handed> handed_;
  std::optional<genie::Error> failure_;
  bool closing_ = false;
  bool ended_ = false;  // the socket is at its end
  std::uint32_t peer_closed_seen_ = 0;
  datapath::Traffic traffic_;
};

}  // namespace genie::arena
