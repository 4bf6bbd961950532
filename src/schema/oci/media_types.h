// SPDX-License-Identifier: Apache-2.0
// Media types of OCI (image-spec, media-types.md) and Docker, and names of annotations that several folders know.
#pragma once

#include <string_view>

namespace rkt::oci {

inline constexpr std::string_view kIndexType = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kManifestType = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kConfigType = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view kLayerType = "application/vnd.oci.image.layer.v1.tar";  ///< then "+gzip", "+zstd"
inline constexpr std::string_view kForeignLayerType = "application/vnd.oci.image.layer.nondistributable.v1.tar";

inline constexpr std::string_view kDockerListType = "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view kDockerManifestType = "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view kDockerConfigType = "application/vnd.docker.container.image.v1+json";
inline constexpr std::string_view kDockerLayerType = "application/vnd.docker.image.rootfs.diff.tar";  ///< then ".gzip"
inline constexpr std::string_view kDockerForeignLayerType = "application/vnd.docker.image.rootfs.foreign.diff.tar";
inline constexpr std::string_view kSchema1Type = "application/vnd.docker.distribution.manifest.v1+json";
inline constexpr std::string_view kSignedSchema1Type = "application/vnd.docker.distribution.manifest.v1+prettyjws";

/// What a layout calls one of its images, an annotation of a descriptor in its index.
inline constexpr std::string_view kRefNameAnnotation = "org.opencontainers.image.ref.name";

/// Of what is stored as an image of Docker's, or of OCI.
constexpr std::string_view manifest_type(bool docker) { return docker ? kDockerManifestType : kManifestType; }

}  // namespace rkt::oci
