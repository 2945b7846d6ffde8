#include "worker/remote_program.hpp"

namespace genie::remote {

Routes::Routes(const exec::CompiledMethod& method, const exec::Program& program)
    : of_slot(method.slots.size()), of_port(method.method->inputs.size()) {
  for (Index m = 0; m < method.messages.size(); ++m) {
    const exec::Message& message = method.messages[m];
    if (message.from != kNone)
      of_slot[message.from].push_back(m);
    else if (message.port != kNone)
      of_port[message.port].push_back(m);
  }
  for (const exec::CompiledStage& stage : method.stages)
    if (!program.device(stage.device).here())
      for (const Index earlier : stage.after)
        awaits[earlier].insert(stage.device);
  for (Index place = 0; place < method.stages.size(); ++place)
    if (program.device(method.stages[place].device).here()) own[method.stages[place].device].push_back(place);
}

}  // namespace genie::remote
