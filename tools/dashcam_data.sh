#!/usr/bin/env bash
# Converts the image sets that configs/dashcam_resize and configs/dashcam_crop train on, each by one command; images are linked.
# Pedestrians of penn_fudan, human_seg and CamVid are pasted into copies of the dashcam frames. NanoDet boxes vehicles, persons and cyclists in
# the sets that do not label them: road signs, traffic lights, road_seg and IDD Lite.
#   bash tools/dashcam_data.sh SETS OUT NANODET
# SETS: the folder that holds camvid/, car_parts/, coco_road/, dashcam_cn/, human_seg/, idd_lite/, penn_fudan/, road_seg/, roadsigns/ and
# traffic_lights/.
# NANODET: its ONNX file, see tools/tfjs_to_onnx.py.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
[ $# -eq 3 ] || die "usage: bash tools/dashcam_data.sh SETS OUT NANODET"
make_env
sets=$1 out=$2 nanodet=$3

convert() { # SET OPTIONS
    local set=$1
    shift
    mtzoo data convert --data "$sets/$set" --out "$out/$set" "$@"
}

label() { # NAME IMAGES OPTIONS
    local name=$1 images=$2
    shift 2
    python "$ROOT/tools/pseudo_labels.py" --nanodet "$nanodet" --images "$images" --out "$out/pseudo_$name" "$@"
}

convert dashcam_cn --rename tricyclelist=cyclist --ignore barrowlist trafficcone
convert traffic_lights --rename green=traffic_light red=traffic_light yellow=traffic_light
convert penn_fudan
convert car_parts --union vehicle_rear=back_bumper,back_glass,back_left_light,back_right_light,tailgate \
    vehicle_front=front_bumper,front_glass,front_left_light,front_right_light,hood
python "$ROOT/tools/paste_objects.py" --images "$out/dashcam_cn/train/images" --boxes "$out/dashcam_cn/train/boxes.json" --name person \
    --cutouts "$out/penn_fudan/train/images" "$sets/penn_fudan/PedMasks" each \
    --cutouts "$sets/human_seg/Training_Images" "$sets/human_seg/Ground_Truth" 255 \
    --cutouts "$sets/camvid/train/images" "$sets/camvid/train/masks" 9 --copies 4 --objects 4 10 --out "$out/dashcam_pasted"
convert coco_road --labels object_detection/labels --ignore bicycle motorcycle
convert road_seg
label signs "$sets/roadsigns/train/images" --boxes "$sets/roadsigns/train/boxes.json" \
    --rename speedlimit=sign crosswalk=sign stop=sign trafficlight=traffic_light
label lights "$out/traffic_lights/train/images" --boxes "$out/traffic_lights/train/boxes.json"
label road "$out/road_seg/train/images" --scale 1.2
label idd "$sets/idd_lite/train/images"
