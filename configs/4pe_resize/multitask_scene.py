"""4pe_resize with two tasks more, of the whole image: time of day and weather."""

from mmengine.config import read_base

with read_base():
    from .multitask import *

# The images are those of the other tasks; what the renderer knows of a scene as a whole is its label.
sources.update(
    time_train=dict(sources["seg_train"], labels="time"), time_val=dict(sources["seg_val"], labels="time"),
    weather_train=dict(sources["seg_train"], labels="weather"), weather_val=dict(sources["seg_val"], labels="weather"),
)
tasks.update(
    cls_time=dict(
        kind="classification",
        classes=["day", "dusk", "night"],
        nodes=["backbone", "neck", dict(name="cls_time_head", type="ClassificationHead", inputs=["neck"], strides=[32])],
        train=["time_train"], val=["time_val"], loss=dict(type="ClassificationLoss", weight=0.5),
    ),
    cls_weather=dict(
        kind="classification",
        classes=["clear", "cloudy", "fog", "rain"],
        nodes=["backbone", "neck", dict(name="cls_weather_head", type="ClassificationHead", inputs=["neck"], strides=[32])],
        train=["weather_train"], val=["weather_val"],
        loss=dict(type="ClassificationLoss", weight=0.5, class_weights=[0.5, 0.8, 2.5, 1.7]),  # fog and rain are rare
    ),
)
