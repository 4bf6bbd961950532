// SPDX-License-Identifier: Apache-2.0
// Images of schema 1, of old registries.
#pragma once

#include "image/fetch_client.h"
#include "schema/oci/image.h"
#include "store/store.h"

namespace rkt::image {

/// An image of schema 1 becomes one of schema 2. What its layers unpack to has to be found out: they are fetched first.
RegistryImage converted(store::Store& store, FetchClient& client, const OnProgress& show, const Repository& from,
                        const oci::Reference& ref, RegistryImage got);

}  // namespace rkt::image
