// List arguments as torch types them: a list of ints and a list of tensors are different kinds of value.
#pragma once

#include <ATen/core/List.h>
#include <ATen/core/ivalue.h>

#include <span>

#include "program.hpp"

namespace genie::kernels_aten {

template <class T, class Get>
c10::IValue typed_list(std::span<const c10::IValue> items, Get get) {
  c10::List<T> list;
  list.reserve(items.size());
  for (const c10::IValue& item : items)
    list.push_back(get(item));
  return c10::IValue(std::move(list));
}

/// The items, already of the right kind, as one value.
inline c10::IValue make_list(ListPlan::Of of, std::span<const c10::IValue> items) {
  using c10::IValue;
  switch (of) {
    case ListPlan::Of::tensors:
      return typed_list<at::Tensor>(items, [](const IValue& item) { return item.toTensor(); });
    case ListPlan::Of::optional_tensors:
      return typed_list<std::optional<at::Tensor>>(
          items, [](const IValue& item) { return item.toOptional<at::Tensor>(); });
    case ListPlan::Of::integers:
      return typed_list<std::int64_t>(items, [](const IValue& item) { return item.toInt(); });
    case ListPlan::Of::floats:
      return typed_list<double>(items, [](const IValue& item) { return item.toDouble(); });
    case ListPlan::Of::booleans:
      return typed_list<bool>(items, [](const IValue& item) { return item.toBool(); });
    case ListPlan::Of::numbers: {
      c10::impl::GenericList list(c10::NumberType::get());
      list.reserve(items.size());
      for (const IValue& item : items)
        list.push_back(item);
      return IValue(std::move(list));
    }
  }
  return {};
}

}  // namespace genie::kernels_aten
